"""local_response_normalization: x over a power of the squares of the channels around its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Shape
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import integer, number
from npusim.operators.forms.own_float import island_form
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary

MOST_CHANNELS = 1 << 16
"""Of a window: as much is kept beside each pixel's channels."""


@dataclass(frozen=True)
class LocalResponseNormalization(Unary):
    """x / (bias + alpha / size * sum of squares of `size` channels)^beta; channels are last."""

    size: int
    alpha: float
    beta: float
    bias: float

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        if not 1 <= self.size <= MOST_CHANNELS:
            raise ShapeError(f"expected a window of 1 to {MOST_CHANNELS}, found {self.size}")
        if not inputs[0]:
            raise ShapeError("expected channels, found a scalar")
        return super().output_shapes(inputs)


def normalized(operator: LocalResponseNormalization, x: NDArray, left_out: int) -> NDArray:
    """Return the normalized values in the type of x, `left_out` of the last channels not seen."""
    before = (operator.size - 1) // 2
    after = operator.size - 1 - before - left_out
    wide = np.pad(x * x, [*[(0, 0)] * (x.ndim - 1), (before, max(after, 0))])
    windows = np.lib.stride_tricks.sliding_window_view(wide, max(before + 1 + after, 1), -1)
    sums = windows.sum(-1, dtype=x.dtype) if before + 1 + after else np.zeros_like(x)
    squares = x.dtype.type(operator.bias) + x.dtype.type(operator.alpha / operator.size) * sums
    return (x * squares.astype(np.float64) ** -operator.beta).astype(x.dtype)


def real(operator: LocalResponseNormalization, x: NDArray) -> NDArray:
    """Return the normalized values in the type of x."""
    return normalized(operator, x, 0)


def reference(operator: LocalResponseNormalization, x: NDArray) -> NDArray:
    """Return what LiteRT's reference kernel gives: it leaves the last channel of each window out.

    Source: LiteRT, reference_ops::LocalResponseNormalization.
    """
    return normalized(operator, x, 1)


def single(operator: LocalResponseNormalization, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return onnxruntime's float32 values: the sum slides over the channels.

    The first channel adds its window in order; each further one takes the sum before it, adds the
    channel that enters and takes away the one that leaves. Powers are float64's, rounded. Source:
    core/providers/cpu/nn/lrn.cc.
    """
    channels, size = x.shape[3], operator.size
    share = np.float32(np.float32(operator.alpha) / np.float32(size))
    before = (size - 1) // 2
    squares = np.zeros((*x.shape[:3], channels + size - 1), np.float32)
    squares[..., before : before + channels] = x * x
    sums = np.full(x.shape, operator.bias, np.float32)
    for index in range(size):
        sums[..., 0] += share * squares[..., index]
    for channel in range(1, channels):
        entered = sums[..., channel - 1] + share * squares[..., channel + size - 1]
        sums[..., channel] = entered - share * squares[..., channel - 1]
    return x * (sums.astype(np.float64) ** -np.float64(np.float32(operator.beta))).astype(
        np.float32
    )


def _read(b: Builder, node: OnnxNode) -> None:
    operator = LocalResponseNormalization(
        node.integer("size", 1),
        node.number("alpha", 1e-4),
        node.number("beta", 0.75),
        node.number("bias", 1.0),
    )
    b.emit_channels_last(node.name, operator, (b.value(node, 0),), node.outputs[0])


def _read_tflite(layer: TfliteLayer) -> LocalResponseNormalization:
    size = 2 * layer.option("Radius") + 1
    alpha, beta, bias = (float(layer.option(name)) for name in ("Alpha", "Beta", "Bias"))
    return LocalResponseNormalization(size, alpha * size, beta, bias)


FORM = island_form("LRN", integer("size"), number("alpha"), number("beta"), number("bias"))

PAGE = replace(
    float_page(LocalResponseNormalization, (OnnxForm("LRN", _read),), single, real, (FORM,)),
    tflite=(TfliteForm("LOCAL_RESPONSE_NORMALIZATION", 1, _read_tflite),),
    float32=by_runtime(
        elementwise(real), litert=elementwise(reference), onnxruntime=elementwise(single)
    ),
)
