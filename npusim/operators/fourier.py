"""fourier: the discrete Fourier transform along an axis of x [... 1 or 2], real and imaginary.

    y[k] = sum over n of x[n] e^(-2 pi i k n / length),   inverse: e^(+...) over length

Axes are cut, or filled up with zeros, to `length`. Sums are of float64; onnxruntime's are of
float32, and differ in the last places of the greatest value. Source: ONNX, DFT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axes_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page

AXIS_IS_INPUT = 20
"""The opset since which DFT's axis is an input, and -2 where it is left out."""


@dataclass(frozen=True)
class Fourier(Operator):
    """x with real parts alone, or imaginary ones too, in the last axis -> both.

    With `half` the places after length / 2 are left out; of an inverse they are those of x, which
    mirror the ones before, and y is real.
    """

    axis: int
    length: int
    inverse: bool
    half: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(x) < 2 or x[-1] not in (1, 2) or not 0 <= self.axis < len(x) - 1:
            raise ShapeError(f"expected [... 1] or [... 2] and an axis before, found {list(x)}")
        count = self.length // 2 + 1 if self.half and not self.inverse else self.length
        last = 1 if self.half and self.inverse else 2
        return ((*x[: self.axis], count, *x[self.axis + 1 : -1], last),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0


def single(operator: Fourier, x: NDArray) -> NDArray:
    """Return the transform in x's type."""
    y = transform(operator, x)
    if operator.half and operator.inverse:
        return y.real[..., None].astype(x.dtype)
    return np.stack([y.real, y.imag], -1).astype(x.dtype)


def transform(operator: Fourier, x: NDArray) -> NDArray:
    """Return the transform in complex numbers of 128 bits."""
    wide = x.astype(np.float64)
    z = wide[..., 0] + (1j * wide[..., 1] if x.shape[-1] == 2 else 0)
    axis, length = operator.axis, operator.length
    if operator.inverse:
        return np.asarray((np.fft.irfft if operator.half else np.fft.ifft)(z, length, axis))
    y = np.fft.fft(z, length, axis)
    return np.asarray(y.take(range(length // 2 + 1), axis) if operator.half else y)


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    if b.opset >= AXIS_IS_INPUT:
        given = b.optional_integer(node, 2, "axis")
        named = -2 if given is None else given
    else:
        named = node.integer("axis", 1)
    (axis,) = axes_of(node, (named,), len(shape)) or (0,)
    half, inverse = bool(node.integer("onesided", 0)), bool(node.integer("inverse", 0))
    length = b.optional_integer(node, 1, "length")
    if half and not inverse and shape[-1] == 2:
        raise UnsupportedError(f"{node.name} (DFT): onesided of complex numbers")
    extent = 2 * (shape[axis] - 1) if half and inverse else shape[axis]
    count = extent if length is None else length
    b.emit(node.name, Fourier(axis, count, inverse, half), (x,), node.outputs[0])


PAGE = float_page(Fourier, (OnnxForm("DFT", _read),), single)
