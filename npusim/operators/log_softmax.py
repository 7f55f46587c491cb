"""log_softmax: x less the logarithm of the sum of exp(x), along the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import need_axis
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas
from npusim.kernels.floating_point import exponentials
from npusim.kernels.kernel_step import KernelStep
from npusim.kernels.log_softmax import log_softmax
from npusim.kernels.softmax import DIFFERENCE_FRACTION_BITS, multiply_high
from npusim.kernels.softmax import exponentials as exponentials_of
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own_float import island_form
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import NOT_IN_ONNXRUNTIME
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent, Page, PerRuntime, Step, no_macs
from npusim.operators.softmax import softmax_axis
from npusim.operators.transpose import Transpose
from npusim.runtimes.elementary import exp
from npusim.runtimes.requantization import affine, quantize_multiplier

OUTPUT_SCALE = 1 / 16
"""The only one that TFLite takes."""


@dataclass(frozen=True)
class LogSoftmax(Unary):
    """x - ln(sum of exp(x)), along the last axis."""

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        need_axis(inputs[0], len(inputs[0]) - 1)
        return super().output_shapes(inputs)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 1


@dataclass(frozen=True)
class FloatLookup:
    """LiteRT's constants: float32 exponentials of the 256 differences, and the scales."""

    exponentials: NDArray[np.float32]
    input_scale: np.float32
    scale: np.float32
    zero_point: int


def real(operator: LogSoftmax, x: NDArray) -> NDArray:
    """Return the function in the type of x."""
    shifted = x - x.max(axis=-1, keepdims=True)
    total = exp(shifted.astype(np.float64)).sum(axis=-1, keepdims=True)
    return shifted - np.log(total).astype(x.dtype)


def single(operator: LogSoftmax, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it, but for its logarithm's last bit."""
    return mlas.softmax(x, x.ndim - 1, logarithms=True)


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    axis, last = softmax_axis(b, node, x, b.opset), len(b.shape(x)) - 1
    if axis == last:
        b.emit(node.name, LogSoftmax(), (x,), node.outputs[0])
        return
    order = (*(a for a in range(last + 1) if a != axis), axis)
    turned = b.free(f"{x}:last")
    b.emit(turned, Transpose(order), (x,), turned)
    found = b.free(f"{node.outputs[0]}:last")
    b.emit(node.name, LogSoftmax(), (turned,), found)
    back = tuple(int(a) for a in np.argsort(order))
    b.emit(f"{node.name}:turned", Transpose(back), (found,), node.outputs[0])


@dataclass(frozen=True)
class FixedPoint:
    """Constants of the reference kernel; see kernels/log_softmax.py."""

    exponentials: NDArray[np.int64]
    scaled: NDArray[np.int64]
    least_difference: int
    back: int
    back_shift: int


def fixed_point(network: Network, node: Node, mode: str = "") -> FixedPoint:
    """Return the constants of TFLite's reference kernel; one form under every mode.

    Source: PreprocessLogSoftmaxScalingExp.
    """
    scale, _ = affine(node, network.inputs_of(node)[0])
    ratio = min(float(scale) * (1 << DIFFERENCE_FRACTION_BITS), 2.0**31 - 1)
    if not ratio > 1:
        raise RangeError(f"{node.name}: its input scale {scale} is too small")
    multiplier, left_shift = quantize_multiplier(ratio)
    least = -((31 << DIFFERENCE_FRACTION_BITS) >> left_shift)
    back, exponent = quantize_multiplier((1 << (31 - left_shift)) / multiplier)
    differences = [max(-d, least) for d in range(256)]
    scaled = [multiply_high(d << left_shift, multiplier) for d in differences]  # type: ignore[no-untyped-call]
    table = exponentials_of(multiplier, left_shift, least)
    return FixedPoint(table, np.array(scaled, np.int64), least, back, -exponent)


def optimized(network: Network, node: Node, mode: str = "") -> FloatLookup:
    """Return the constants of LiteRT's optimized kernel, which XNNPACK leaves it to."""
    scale, _ = affine(node, network.inputs_of(node)[0])
    return FloatLookup(exponentials(scale, 1.0), scale, *affine(node, network.output_of(node)))


def step(network: Network, node: Node, c: FixedPoint | FloatLookup) -> Step:
    """Return the step on 8-bit integers, whose output has scale 1/16 and 0 at the type's end."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_8_bit(node, x, y)
    limits = np.iinfo(y.dtype)
    scale, zero_point = affine(node, y)
    if float(scale) != OUTPUT_SCALE or zero_point != limits.max:
        raise UnsupportedError(
            f"{node.name}: expected an output of scale 1/16 and zero point {limits.max}, "
            f"found {scale} and {zero_point}"
        )
    if isinstance(c, FloatLookup):
        return in_float32(c, y.dtype)
    constants = (c.exponentials, c.scaled, c.least_difference, c.back, c.back_shift, limits.max)
    return KernelStep(log_softmax, constants, y.dtype, view=(-1, x.shape[-1]))


def in_float32(c: FloatLookup, dtype: np.dtype) -> Step:
    """Return the optimized step: float32, sums in the order of the classes.

    Source: LiteRT, optimized_ops::LogSoftmax.
    """
    limits = np.iinfo(dtype)

    def run(threads: int, x: NDArray) -> NDArray:
        wide = x.astype(np.int64)
        largest = wide.max(axis=-1, keepdims=True)
        sums = np.add.accumulate(c.exponentials[largest - wide], axis=-1)[..., -1:]
        logarithm = np.log(sums.astype(np.float64)).astype(np.float32)
        offset = (c.input_scale * largest.astype(np.float32) + logarithm) / c.scale
        steps = c.input_scale / c.scale * wide.astype(np.float32) - offset
        return np.clip(np.rint(steps) + c.zero_point, limits.min, limits.max).astype(dtype)

    return run


PAGE = Page(
    operator=LogSoftmax,
    tflite=(TfliteForm("LOG_SOFTMAX", 1, lambda layer: LogSoftmax()),),
    onnx=(OnnxForm("LogSoftmax", _read),),
    own=(island_form("LogSoftmax"),),
    real=real,
    constants=PerRuntime(
        litert=fixed_point,
        litert_opt=optimized,
        xnnpack=optimized,
        onnxruntime=NOT_IN_ONNXRUNTIME,
        tosa=fixed_point,
        integer=fixed_point,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=elementwise(single)),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)
