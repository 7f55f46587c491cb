"""softmax: exp(beta * x) / sum exp(beta * x) along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import need_axis
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point, mlas
from npusim.kernels.kernel_step import KernelStep
from npusim.kernels.softmax import exponentials
from npusim.kernels.softmax import softmax as softmax_rows
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_scales import activation_input, per_tensor
from npusim.operators.forms.own import integer
from npusim.operators.forms.own_float import island_form
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.kinds.unary import Unary
from npusim.operators.kinds.wide import Values, by_width, require_types, values_step
from npusim.operators.page import Absent, Page, PerRuntime, Step, no_macs
from npusim.runtimes import int16, onnxruntime
from npusim.runtimes.elementary import exp
from npusim.runtimes.requantization import affine, quantize_multiplier
from npusim.words import Rule


@dataclass(frozen=True)
class Softmax(Unary):
    """exp(beta * x) / sum exp(beta * x) along `axis`."""

    axis: int
    beta: float = 1.0

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        need_axis(inputs[0], self.axis)
        return super().output_shapes(inputs)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0


@dataclass(frozen=True)
class FixedPoint:
    """TFLite's integer SOFTMAX: scaled difference = (x - max) * multiplier * 2^(left_shift - 31).

    Differences below `least_difference` count as zero probability. Output: scale 1/256, zero point
    at the type's minimum.
    """

    multiplier: int
    left_shift: int
    least_difference: int


@dataclass(frozen=True)
class FloatLookup:
    """LiteRT's optimized softmax: float32 exponentials of the 256 differences, looked up."""

    exponentials: NDArray[np.float32]
    scale: np.float32
    zero_point: int


@dataclass(frozen=True)
class LiftedLookup:
    """onnxruntime's QLinearSoftmax; see runtimes/onnxruntime.py, softmax_table."""

    exponentials: NDArray[np.float32]
    factor: np.float32
    zero_point: int
    low: int
    high: int


def real(operator: Softmax, x: NDArray) -> NDArray:
    """Return the softmax in float64."""
    x = x * operator.beta
    e = exp(x - x.max(axis=operator.axis, keepdims=True))
    return e / e.sum(axis=operator.axis, keepdims=True)


def single(operator: Softmax, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax in float32, the exponentials rounded from float64."""
    x = x * np.float32(operator.beta)
    shifted = (x - x.max(axis=operator.axis, keepdims=True)).astype(np.float64)
    e = exp(shifted).astype(np.float32)
    return e / e.sum(axis=operator.axis, keepdims=True, dtype=np.float32)


def _is_near(scale: np.float32, expected: float, y: Tensor) -> bool:
    """Return whether TFLite takes `scale` for `expected`: one in a thousand is enough at int16."""
    tolerance = 0.0 if y.dtype.itemsize == 1 else 0.001
    return abs(float(scale) / expected - 1) <= tolerance


def fixed_point(network: Network, node: Node, mode: str = "") -> FixedPoint:
    """Return the constants of TFLite's fixed-point softmax; one form under every mode."""
    assert isinstance(node.operator, Softmax)
    y = network.output_of(node)
    sx, _ = affine(node, network.inputs_of(node)[0])
    so, zo = affine(node, y)
    expected = 2.0 ** (-8 * y.dtype.itemsize)
    if not _is_near(so, expected, y) or zo != np.iinfo(y.dtype).min:
        raise UnsupportedError(
            f"{node.name}: expected a softmax output of scale 1/{1 / expected:.0f} and zero "
            f"point {np.iinfo(y.dtype).min}, found {so} and {zo}"
        )
    ratio = min(float(np.float32(node.operator.beta)) * float(sx) * (1 << 26), 2.0**31 - 1)
    if not ratio > 1:
        raise RangeError(f"{node.name}: its input scale {sx} is too small")
    m, left_shift = quantize_multiplier(ratio)
    return FixedPoint(m, left_shift, -((31 << 26) >> left_shift))


def of_integers(network: Network, node: Node) -> Values | FixedPoint:
    """Return SOFTMAX of 16-bit values along the last axis, by interpolated tables.

    From 8 bits to 16 it is the fixed-point form with a finer output.
    """
    assert isinstance(node.operator, Softmax)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if x.dtype.itemsize == 1:
        return fixed_point(network, node)
    require_types(node, {"x": x, "y": y}, ("int16", "int16"))
    sx, (so, zo) = affine(node, x)[0], affine(node, y)
    if not _is_near(so, 2**-15, y) or zo != 0 or node.operator.axis != len(x.shape) - 1:
        raise UnsupportedError(
            f"{node.name}: expected a softmax of int16 along the last axis with an output scale of "
            f"2^-15 and zero point 0, found {so} and {zo}"
        )
    beta = node.operator.beta
    return lambda v: int16.softmax(v, float(sx), float(np.float32(beta)))


def float_lookup(network: Network, node: Node) -> FloatLookup:
    """Return the constants of LiteRT's optimized kernel, which XNNPACK leaves softmax to."""
    assert isinstance(node.operator, Softmax)
    fixed_point(network, node)  # the same scales are required
    sx, _ = affine(node, network.inputs_of(node)[0])
    floats = floating_point.exponentials(sx, node.operator.beta)
    return FloatLookup(floats, *affine(node, network.output_of(node)))


def optimized_of_integers(network: Network, node: Node) -> Values | FixedPoint | FloatLookup:
    """Return the same as LiteRT's optimized kernel has it."""
    if network.inputs_of(node)[0].dtype.itemsize == 1:
        return float_lookup(network, node)
    return of_integers(network, node)


def lifted_lookup(network: Network, node: Node) -> LiftedLookup:
    """Return the constants of QLinearSoftmax."""
    assert isinstance(node.operator, Softmax)
    y = network.output_of(node)
    table, factor = onnxruntime.softmax_table(network, node, node.operator.axis)
    return LiftedLookup(table, factor, affine(node, y)[1], *onnxruntime.bounds(node, None, y))


def step(network: Network, node: Node, c: FixedPoint | FloatLookup | LiftedLookup | Values) -> Step:
    """Return the step on integers by the constants of any runtime."""
    if callable(c):
        return values_step(network, node, c)
    assert isinstance(node.operator, Softmax)
    axis = node.operator.axis
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_8_bit(node, x)
    limits = np.iinfo(y.dtype)
    row = partial(KernelStep, dtype=y.dtype, view=(-1, x.shape[axis]))
    if isinstance(c, FloatLookup):
        ends = (c.scale, c.zero_point, limits.min, limits.max)
        rows = row(floating_point.softmax_lookup, (c.exponentials, *ends))
    elif isinstance(c, LiftedLookup):
        constants = (c.exponentials, c.factor, c.zero_point, c.low, c.high)
        rows = row(floating_point.softmax_lifted, constants)
    else:
        rows = row(
            softmax_rows,
            (
                exponentials(c.multiplier, c.left_shift, c.least_difference),
                c.least_difference,
                limits.min,
                8 * y.dtype.itemsize,
            ),
        )
    if axis == len(x.shape) - 1:
        return rows

    def along_axis(threads: int, x: NDArray) -> NDArray:
        y = rows(threads, np.ascontiguousarray(np.moveaxis(x, axis, -1)))
        return np.ascontiguousarray(np.moveaxis(y, -1, axis))

    return along_axis


def as_onnxruntime(network: Network, node: Node, rule: Rule) -> Step:
    """Return onnxruntime's softmax, which has no beta."""
    operator = node.operator
    assert isinstance(operator, Softmax)
    if operator.beta != 1:
        raise UnsupportedError(f"{node.name}: Softmax has beta {operator.beta:g}, expected 1")
    return lambda threads, x: mlas.softmax(x, operator.axis)


def softmax_axis(b: Builder, node: OnnxNode, x: str, opset: int) -> int:
    """Return the axis that Softmax runs along; before opset 13 it took all axes behind as well."""
    shape = b.shape(x)
    axis = axis_of(node, -1 if opset >= 13 else 1, len(shape))
    if opset < 13 and prod(shape[axis:]) != shape[axis]:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): before opset 13 it runs over all axes from {axis} of "
            f"{list(shape)}; expected one of them larger than 1"
        )
    return axis


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    b.emit(node.name, Softmax(softmax_axis(b, node, x, b.opset)), (x,), node.outputs[0])


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    x = activation_input(b, node, 0, per_tensor(b, node, 1, 2), 2)
    axis = softmax_axis(b, node, x, node.integer("opset", 13))
    dtype, q = b.tensors[x].dtype, per_tensor(b, node, 3, 4)
    b.emit(node.name, Softmax(axis), (x,), node.outputs[0], dtype, q)


PAGE = Page(
    operator=Softmax,
    tflite=(TfliteForm("SOFTMAX", 1, lambda layer: Softmax(layer.rank - 1, layer.option("Beta"))),),
    onnx=(
        OnnxForm("Softmax", _read_onnx),
        OnnxForm("QLinearSoftmax", _read_quantized, "com.microsoft"),
    ),
    own=(island_form("Softmax", integer("axis")),),
    real=real,
    constants=by_width(
        PerRuntime(
            litert=fixed_point,
            litert_opt=float_lookup,
            xnnpack=float_lookup,
            onnxruntime=lifted_lookup,
            tosa=fixed_point,
            integer=fixed_point,
        ),
        of_integers,
        optimized_of_integers,
    ),
    quantized=step,
    float32=by_runtime(elementwise(single), onnxruntime=as_onnxruntime),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
