"""square: x * x."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray

from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent


@dataclass(frozen=True)
class Square(Unary):
    """X * x."""


def single(operator: Square, x: NDArray) -> NDArray:
    """Return x * x, in x's type."""
    return x * x


PAGE = function_page(
    Square,
    (TfliteForm("SQUARE", 1, lambda layer: Square()),),
    single,
    constants=Absent("takes no quantized integers"),
)
