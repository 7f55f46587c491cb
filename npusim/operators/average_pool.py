"""average_pool: the mean over each window, [N IH IW C] -> [N OH OW C]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Window, fused
from npusim.graph.network import Network, Node
from npusim.kernels import floating_point, mlas, mlas_products, pool
from npusim.kernels.kernel_step import KernelStep
from npusim.operators import volume_pool
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import activation_input, per_tensor
from npusim.operators.forms.onnx_windows import pool_window
from npusim.operators.forms.own import (
    ACTIVATION,
    RULE,
    WINDOW,
    Attributes,
    Field,
    OwnForm,
    clamped_scale,
    epilogue,
)
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.float32 import by_runtime, clamped, elementwise
from npusim.operators.kinds.pool import Pool, pad_image, sum_in_order, taps, window_geometry
from npusim.operators.kinds.volume import RANK
from npusim.operators.kinds.wide import POOLED, require_types
from npusim.operators.pad import Pad
from npusim.operators.page import Absent, Page, PerRuntime, Step, no_macs
from npusim.runtimes import onnxruntime
from npusim.runtimes.requantization import (
    FloatRequantization,
    Requantization,
    activation_bounds,
    affine,
    one_term,
)
from npusim.words import ROUNDINGS

TOSA_ORIGIN = 128
"""What uint8 becomes int8 by."""


ADDED_IN_ORDER = 19
"""Opset from which onnxruntime adds the taps of a mean in their order."""


@dataclass(frozen=True)
class AveragePool(Pool):
    """Mean over each window; taps outside the image count only with `count_padding`."""

    count_padding: bool = False
    in_order: bool = False
    """Whether onnxruntime adds floats tap by tap: for opset 19 and later."""


@dataclass(frozen=True)
class WindowDivision:
    """TFLite's AVERAGE_POOL: y = clamp(sum / n + origin), halves away from zero, no new scale.

    The sum is of x - origin, n the taps inside the image. TFLite takes the integers as they are
    (no zero point subtracted); TOSA has no unsigned ones and takes uint8 less 128.
    """

    low: int
    high: int
    origin: int = 0


@dataclass(frozen=True)
class RealMean:
    """onnxruntime's float32 mean between its conversions (DequantizeLinear, QuantizeLinear)."""

    values: NDArray[np.float32]
    """What each 8-bit integer of the input is worth, ascending."""
    low: int
    high: int


def _read(layer: TfliteLayer) -> AveragePool:
    kernel = (layer.option("FilterHeight"), layer.option("FilterWidth"))
    return AveragePool(layer.window(kernel), activation=layer.activation())


def real(operator: AveragePool, x: NDArray) -> NDArray:
    """Return the mean of the taps that count."""
    total = sum_in_order(taps(x, operator.window))
    ones = np.ones((1, *x.shape[1:3], 1), x.dtype)
    if operator.count_padding:
        ones = pad_image(ones, operator.window, 1.0)
        bare = Window(operator.window.kernel, operator.window.stride, operator.window.dilation)
        count = sum_in_order(taps(ones, bare))
    else:
        count = sum_in_order(taps(ones, operator.window))
    return fused(operator.activation, total / np.maximum(count, x.dtype.type(1)))


def by_taps(network: Network, node: Node, mode: str = "tflite") -> WindowDivision | Requantization:
    """Return the constants of an average pool.

    With equal quantization before and after it is TFLite's division under every rule. Otherwise
    column n - 1 of the Requantization serves windows of n taps, with A the sum of x - z; with
    `count_padding` there is one column.
    """
    assert isinstance(node.operator, AveragePool)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    low, high = activation_bounds(node.operator.activation, so, zo, y.dtype)
    if sx == so and zx == zo and not node.operator.count_padding:
        return WindowDivision(low, high)
    kernel_h, kernel_w = node.operator.window.kernel
    if node.operator.count_padding:
        counts = [kernel_h * kernel_w]
    else:
        counts = list(range(1, min(kernel_h, x.shape[1]) * min(kernel_w, x.shape[2]) + 1))
    steps = [one_term(node, float(sx) / (float(so) * n), 0, mode, zo, low, high) for n in counts]
    return Requantization(
        np.concatenate([step.multipliers for step in steps], axis=1),
        np.concatenate([step.bias for step in steps]),
        np.concatenate([step.shift for step in steps]),
        mode,
        zo,
        low,
        high,
    )


def tosa_mean(network: Network, node: Node) -> WindowDivision | Requantization:
    """Return TOSA's AVG_POOL2D of int8, which the converter makes of uint8 by subtracting 128.

    Its reciprocal (2^30 + 1) / n lies above 1 / n: halves go away from zero, as in TFLite.
    """
    c = by_taps(network, node)
    unsigned = network.inputs_of(node)[0].dtype == np.uint8
    return replace(c, origin=TOSA_ORIGIN) if unsigned and isinstance(c, WindowDivision) else c


def xnnpack_mean(network: Network, node: Node) -> WindowDivision | Requantization:
    """Return XNNPACK's constants: ties to even where the scale changes."""
    return by_taps(network, node, "half_even")


def onnxruntime_mean(network: Network, node: Node) -> RealMean | FloatRequantization:
    """Return the constants of QLinearAveragePool: a window that is the image is a global pool."""
    operator = node.operator
    assert isinstance(operator, AveragePool)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if operator.window.kernel == x.shape[1:3] and not any(operator.window.padding):
        scale, n = onnxruntime.mean_scale(network, node, (1, 2))
        ends = onnxruntime.bounds(node, operator.activation, y)
        bias = np.array([-n * affine(node, x)[1]])
        return FloatRequantization("fp32", np.array([scale]), bias, affine(node, y)[1], *ends)
    values = onnxruntime.real_values(*affine(node, x), x.dtype)
    return RealMean(values, *onnxruntime.bounds(node, operator.activation, y))


def step(
    network: Network,
    node: Node,
    c: WindowDivision | Requantization | RealMean | FloatRequantization,
) -> Step:
    """Return the step on 8-bit integers by the constants of any runtime."""
    assert isinstance(node.operator, AveragePool)
    operator = node.operator
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_types(node, {"x": x, "y": y}, *POOLED)
    geometry = window_geometry(operator.window)
    if isinstance(c, FloatRequantization):
        return _image_mean(network, node, c)
    if isinstance(c, WindowDivision):
        return KernelStep(
            pool.average_pool_division, (geometry, c.low, c.high, c.origin), y.dtype, y.shape[1:]
        )
    if isinstance(c, Requantization):
        mode = ROUNDINGS.index(c.rounding)
        values = (
            geometry, affine(node, x)[1], c.multipliers[0].copy(), c.shift.copy(), mode,
            c.zero_point, c.low, c.high,
        )  # fmt: skip
        return KernelStep(pool.average_pool_requantize, values, y.dtype, y.shape[1:])
    least, all_taps = int(np.iinfo(x.dtype).min), 0
    if operator.count_padding:
        all_taps = prod(operator.window.kernel)
    constants = (least, c.values, geometry, all_taps, *affine(node, y), c.low, c.high)
    return KernelStep(floating_point.average_pool_float, constants, y.dtype, y.shape[1:])


COUNTS = Field(lambda o, x: {}, lambda call: {"count_padding": True})


def divides(network: Network, node: Node) -> bool:
    """Return whether npusim's own form of the pool is a division, without a change of scale."""
    return isinstance(by_taps(network, node, RULE), WindowDivision)


def counts_padding(network: Network, node: Node) -> bool:
    """Return whether padding counts."""
    return bool(getattr(node.operator, "count_padding", False))


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form where padding counts."""
    r = by_taps(network, node, RULE)
    assert isinstance(r, Requantization)
    zero = affine(node, network.inputs_of(node)[0])[1]
    return clamped_scale(network, node) | epilogue(r) | {"x_zero_point": zero}


def _image_mean(network: Network, node: Node, c: FloatRequantization) -> Step:
    """Return the step that takes the mean of each image as a whole."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    taps_of_image, channels = prod(x.shape[1:3]), x.shape[3]
    ends = (c.scale[0], int(c.bias[0]), c.zero_point, c.low, c.high)

    def mean(threads: int, x: NDArray) -> NDArray:
        sums = np.empty((len(x), channels), np.int64)
        pool.sum_middle(x.reshape(len(x), taps_of_image, channels), sums)
        means = np.empty(sums.shape, y.dtype)
        floating_point.requantize_sums(sums, *ends, means)
        return means[:, None, None, :]

    return mean


def single(operator: AveragePool, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return onnxruntime's means: columns of the window first, then along the row.

    So it is where windows are at most two columns apart and the file's opset is below 19; else tap
    by tap. Channels in whole vectors go through kernels that lie in blocks of channels, which add
    tap by tap. Else a window that is the whole image runs in the lanes of a global pool. Source:
    pooling.cpp, snchwc.cpp; on a processor with vectors of 64 bytes.
    """
    window = operator.window
    by_taps = operator.in_order or window.stride[1] > 2
    in_blocks = x.shape[3] % mlas.BLOCK_CHANNELS == 0
    if (
        not (in_blocks or operator.in_order)
        and window.kernel == x.shape[1:3]
        and not any(window.padding)
    ):
        return mlas.image_means(x)
    columns = mlas_products.columns(x, window)
    taps = mlas_products.columns(np.ones((1, *x.shape[1:3], 1), np.float32), window)
    y = np.zeros((*columns.shape[:3], columns.shape[5]), np.float32)
    if in_blocks or by_taps:
        for row, column in np.ndindex(columns.shape[3:5]):
            y += columns[:, :, :, row, column]
    else:
        sums = np.zeros((*columns.shape[:3], *columns.shape[4:]), np.float32)
        for row in range(columns.shape[3]):
            sums += columns[:, :, :, row]
        for column in range(sums.shape[3]):
            y += sums[:, :, :, column]
    inside = prod(window.kernel) if operator.count_padding else taps.sum((3, 4))
    return clamped((y / np.float32(inside)).astype(np.float32), operator.activation)


def _of_onnx(b: Builder, node: OnnxNode, x: str) -> AveragePool:
    place = pool_window(b, node, x)
    padded = bool(node.integer("count_include_pad", 0))
    return AveragePool(place, count_padding=padded, in_order=b.opset >= ADDED_IN_ORDER)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    if len(b.shape(node.input(0))) == RANK:
        volume_pool.read("mean", b, node)
        return
    x = b.value(node, 0)
    operator = _of_onnx(b, node, x)
    if operator.count_padding and b.tensors[x].is_float:
        operator, x = _padded_first(b, node, operator, x)
    b.emit_channels_last(node.name, operator, (x,), node.outputs[0])


def _padded_first(
    b: Builder, node: OnnxNode, operator: AveragePool, x: str
) -> tuple[AveragePool, str]:
    """Return the pool and its input where `ceil_mode` lets windows reach beyond the padding.

    The padding of the file counts, what is beyond it does not: it is put around x first.
    """
    plain = OnnxNode(node.name, node.domain, node.kind, node.inputs, node.outputs,
                     {**node.attributes, "ceil_mode": 0})  # fmt: skip
    said, whole = pool_window(b, plain, x).padding, operator.window.padding
    top, left = said[0], said[2]
    bottom, right = min(said[1], whole[1]), min(said[3], whole[3])
    if (bottom, right) == (whole[1], whole[3]):
        return operator, x
    around = b.free(f"{x}:padded")
    b.emit(around, Pad((0, 0, top, left), (0, 0, bottom, right)), (x,), around)
    beyond = (0, whole[1] - bottom, 0, whole[3] - right)
    window = replace(operator.window, padding=beyond)
    return replace(operator, window=window, count_padding=False), around


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    operator = _of_onnx(b, node, x)
    dtype, q = b.tensors[x].dtype, per_tensor(b, node, 3, 4)
    b.emit_channels_last(node.name, operator, (x,), node.outputs[0], dtype, q)


PAGE = Page(
    operator=AveragePool,
    tflite=(TfliteForm("AVERAGE_POOL_2D", 1, _read),),
    onnx=(
        OnnxForm("AveragePool", _read_onnx, image=True),
        OnnxForm("QLinearAveragePool", _read_quantized, "com.microsoft", image=True),
    ),
    own=(
        OwnForm("AveragePool", (WINDOW, ACTIVATION), clamped_scale, suits=divides),
        OwnForm("PaddedAveragePool", (WINDOW, ACTIVATION, COUNTS), implied, suits=counts_padding),
    ),
    real=real,
    constants=PerRuntime(
        litert=by_taps,
        litert_opt=by_taps,
        xnnpack=xnnpack_mean,
        onnxruntime=onnxruntime_mean,
        tosa=tosa_mean,
        integer=by_taps,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=elementwise(single)),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)
