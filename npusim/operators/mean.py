"""mean: the mean over axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.kernels import floating_point, mlas, pool
from npusim.kernels.fused import requantize_sums_fused
from npusim.operators import volume_pool
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import activation_input, per_tensor
from npusim.operators.forms.onnx_windows import image
from npusim.operators.forms.own import (
    RULE,
    Attributes,
    Field,
    OwnForm,
    clamped_scale,
    epilogue,
    integer,
    integers,
)
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import as_they_stand
from npusim.operators.kinds.elements import one_channel
from npusim.operators.kinds.float_sums import elements, sums_as_onnxruntime
from npusim.operators.kinds.pool import sum_in_order
from npusim.operators.kinds.reduce import Reduce, read_axes, reduction
from npusim.operators.kinds.volume import RANK
from npusim.operators.kinds.wide import POOLED, by_width, require_types
from npusim.operators.page import Page, PerRuntime, Step, no_macs
from npusim.runtimes import onnxruntime
from npusim.runtimes.litert_opt import INTEGER_LANES, VectorAndRest
from npusim.runtimes.requantization import (
    FloatRequantization,
    Requantization,
    activation_bounds,
    affine,
    one_term,
    quantize_multiplier,
)
from npusim.words import Rule


@dataclass(frozen=True)
class Mean(Reduce):
    """Mean over `axes` (canonical), kept as extent 1 with `keep_dims`.

    `is_pool`: the file says GlobalAveragePool; in float32 onnxruntime adds in another order then.
    """

    is_pool: bool = False


def real(operator: Mean, x: NDArray) -> NDArray:
    """Return the mean, summed in row-major order of the axes."""
    kept = [axis for axis in range(x.ndim) if axis not in operator.axes]
    rows = np.ascontiguousarray(x.transpose(*operator.axes, *kept))
    rows = rows.reshape(-1, *(x.shape[axis] for axis in kept))
    mean = sum_in_order(list(rows)) / x.dtype.type(len(rows))
    return np.expand_dims(mean, operator.axes) if operator.keep_dims else mean


def whole(operator: Mean, x: NDArray) -> NDArray:
    """Return the mean of integers that are worth themselves, its fraction cut off."""
    sums = np.sum(x, axis=operator.axes, keepdims=operator.keep_dims, dtype=np.int64)
    count = prod(x.shape[axis] for axis in operator.axes)
    return np.asarray(np.sign(sums) * (np.abs(sums) // count), x.dtype)


def single(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32, in onnxruntime's order of additions."""
    operator = node.operator
    assert isinstance(operator, Mean)
    if operator.is_pool:
        shape = network.output_of(node).shape[1:]
        return lambda threads, x: mlas.image_means(x).reshape(-1, *shape)
    sums, count = sums_as_onnxruntime(network, node), np.float32(max(elements(network, node), 1))
    return lambda threads, x: sums(x) / count


def fixed_point(network: Network, node: Node, mode: str = "tflite") -> Requantization:
    """Return TFLite's constants (reduce.cc); the accumulator is the plain sum of the integers.

    The division by n is folded into the multiplier: M' = (M << sh) div n, shift 31 - (e - sh).
    """
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    low, high = activation_bounds(None, so, zo, y.dtype)
    n = elements(network, node)
    m, e = quantize_multiplier(float(sx) / float(so))
    if e > 31:
        raise RangeError(f"{node.name}: its output scale {so} is too small for its input's {sx}")
    extra = min(n.bit_length() - 1, 32, 31 + e)
    m = (m << extra) // n
    shift = 31 - e + extra
    return Requantization(
        np.array([[m]]), np.array([-n * zx * m]), np.array([shift]), mode, zo, low, high
    )


def optimized(network: Network, node: Node) -> Requantization | VectorAndRest[Requantization]:
    """Return the constants of LiteRT's optimized kernel, which takes means over images alone.

    It rounds the zero point's share apart from the sum.
    """
    assert isinstance(node.operator, Mean)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not (node.operator.keep_dims and len(x.shape) == 4 and node.operator.axes == (1, 2)):
        return fixed_point(network, node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    low, high = activation_bounds(None, so, zo, y.dtype)
    share = np.float32(zx) * sx / so
    offset = zo - int(share + np.copysign(np.float32(0.5), share))
    ratio = float(sx / (np.float32(elements(network, node)) * so))
    vector, rest = (one_term(node, ratio, 0, m, offset, low, high) for m in ("ruy", "tflite"))
    return VectorAndRest(vector, rest, INTEGER_LANES)


def xnnpack_mean(network: Network, node: Node) -> FloatRequantization:
    """Return XNNPACK's float32 constants; the zero points are inside the rounding."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    n = elements(network, node)
    low, high = activation_bounds(None, so, zo, y.dtype)
    scale, bias = np.array([sx / so / np.float32(n)]), np.array([-n * zx])
    return FloatRequantization("fp32_fused", scale, bias, zo, low, high)


def onnxruntime_mean(network: Network, node: Node) -> FloatRequantization:
    """Return the constants of QLinearGlobalAveragePool, the only integer mean it has."""
    assert isinstance(node.operator, Mean)
    if not node.operator.keep_dims or node.operator.axes != (1, 2):
        raise UnsupportedError(
            f"{node.name}: onnxruntime has no Mean of integers over axes {list(node.operator.axes)}"
        )
    scale, n = onnxruntime.mean_scale(network, node, node.operator.axes)
    y = network.output_of(node)
    bias = np.array([-n * affine(node, network.inputs_of(node)[0])[1]])
    ends = onnxruntime.bounds(node, None, y)
    return FloatRequantization("fp32", np.array([scale]), bias, affine(node, y)[1], *ends)


def step(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization,
) -> Step:
    """Return the step on 8-bit integers by the constants of any runtime."""
    operator = node.operator
    assert isinstance(operator, Mean)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_types(node, {"x": x, "y": y}, *POOLED)
    shape, dtype, rank = y.shape, y.dtype, len(x.shape)
    kept = [axis for axis in range(rank) if axis not in operator.axes]
    leading = [axis for axis in kept if axis < min(operator.axes, default=rank)]
    order = (*leading, *operator.axes, *[axis for axis in kept if axis not in leading])
    extent = elements(network, node)
    inner = prod(x.shape[axis] for axis in kept if axis not in leading)
    in_order = order == tuple(range(rank))
    batch_kept = rank > 0 and 0 not in operator.axes
    finish = _finish(c, inner)

    def average(threads: int, x: NDArray) -> NDArray:
        if not in_order:
            x = np.ascontiguousarray(x.transpose(order))
        rows = x.reshape(-1, extent, inner)
        sums = np.empty((rows.shape[0], inner), np.int64)
        pool.sum_middle(rows, sums)
        y = np.empty(sums.shape, dtype)
        finish(sums, y)
        return y.reshape(-1, *shape[1:]) if batch_kept else y.reshape(shape)

    return average


def _finish(
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization, inner: int
) -> Callable[[NDArray[np.int64], NDArray], None]:
    """Return what requantizes sums [O I] into y [O I]."""
    if isinstance(c, FloatRequantization):
        finish = floating_point.requantize_sums
        if c.kind == "fp32_fused":
            finish = requantize_sums_fused
        constants = (c.scale[0], int(c.bias[0]), c.zero_point, c.low, c.high)
        return lambda sums, y: finish(sums, *constants, y)
    parts: tuple[tuple[Requantization, int, int], ...]
    if isinstance(c, VectorAndRest):
        vectors = inner - inner % c.lanes
        parts = ((c.vector, 0, vectors), (c.rest, vectors, inner))
    else:
        parts = ((c, 0, inner),)

    def finish_integers(sums: NDArray[np.int64], y: NDArray) -> None:
        for r, first, last in parts:
            multiplier, shift, mode, zero_point, low, high = one_channel(r)
            pool.requantize_sums(
                sums, multiplier, int(r.bias[0]), shift, zero_point, low, high, first, last, mode, y
            )

    return finish_integers


KEEP_DIMS = integer("keepdims", of="keep_dims", kind=bool)

IS_POOL = Field(
    lambda o, x: {"is_pool": 1} if o.is_pool else {},
    lambda call: {"is_pool": bool(call.node.integer("is_pool", 0))},
)
"""Absent where it is not: no integer depends on it."""


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form."""
    return clamped_scale(network, node) | epilogue(fixed_point(network, node, RULE))


def _read_global_pool(b: Builder, node: OnnxNode) -> None:
    if len(b.shape(node.input(0))) == RANK:
        volume_pool.read_global("mean", b, node)
        return
    x = b.value(node, 0)
    image(b, node, x)
    operator = Mean((1, 2), keep_dims=True, is_pool=True)
    b.emit_channels_last(node.name, operator, (x,), node.outputs[0])


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    operator, output = Mean((1, 2), keep_dims=True, is_pool=True), node.outputs[0]
    dtype, q = b.tensors[x].dtype, per_tensor(b, node, 3, 4)
    if node.integer("channels_last", 0):
        b.emit(node.name, operator, (x,), output, dtype, q)
        return
    image(b, node, x)
    b.emit_channels_last(node.name, operator, (x,), output, dtype, q)


PAGE = Page(
    operator=Mean,
    tflite=(TfliteForm("MEAN", 1, lambda layer: Mean(*read_axes(layer))),),
    onnx=(
        reduction("ReduceMean", lambda axes, keep: (Mean(axes, keep),)),
        OnnxForm("GlobalAveragePool", _read_global_pool, image=True),
        OnnxForm("QLinearGlobalAveragePool", _read_quantized, "com.microsoft", image=True),
    ),
    own=(OwnForm("Mean", (integers("axes"), KEEP_DIMS, IS_POOL), implied),),
    real=real,
    constants=by_width(
        PerRuntime(
            litert=fixed_point,
            litert_opt=optimized,
            xnnpack=xnnpack_mean,
            onnxruntime=onnxruntime_mean,
            tosa=fixed_point,
            integer=fixed_point,
        ),
        fixed_point,
    ),
    quantized=step,
    float32=single,
    plain=as_they_stand(whole),
    macs=no_macs,
    unit="vector unit",
)
