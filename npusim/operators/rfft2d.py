"""rfft2d: the discrete Fourier transform of real images, over the last two axes.

    y[... k l] = sum over m n of x[... m n] e^(-2 pi i (k m / H + l n / W)),  l = 0 .. W / 2

Images are cut, or filled up with zeros, to [H W]. Sums are of float64, as LiteRT's are (rfft2d.cc);
its own order of additions can give another last bit of float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.host import float_page
from npusim.operators.page import Step
from npusim.words import Rule


@dataclass(frozen=True)
class Rfft2d(Operator):
    """x [... IH IW] of float32 -> y [... height width / 2 + 1] of complex64."""

    height: int
    width: int

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(x) < 2:
            raise ShapeError(f"expected images, found {list(x)}")
        return ((*x[:-2], self.height, self.width // 2 + 1),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 2


def real(operator: Rfft2d, x: NDArray) -> NDArray[np.complex64]:
    """Return the transform."""
    sizes = (operator.height, operator.width)
    return np.asarray(np.fft.rfft2(x.astype(np.float64), sizes), np.complex64)


def single(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32."""
    operator = node.operator
    assert isinstance(operator, Rfft2d)
    return lambda threads, x: real(operator, x)


def _read(layer: TfliteLayer) -> Rfft2d:
    sizes = layer.constant(1)
    if len(sizes) != 2 or any(n < 1 or n & (n - 1) for n in sizes) or sizes[1] == 1:
        raise UnsupportedError(
            f"{layer.record.name}: expected two lengths that are powers of 2, the second above 1, "
            f"found {list(sizes)}"
        )
    return Rfft2d(sizes[0], sizes[1])


PAGE = replace(
    float_page(Rfft2d, (), real, tflite=(TfliteForm("RFFT2D", 1, _read),)), float32=single
)
