"""floor_div: the whole part of a / b, rounded down; LiteRT takes integers as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary, division_step


@dataclass(frozen=True)
class FloorDiv(Binary):
    """The whole part of a / b, rounded down."""


def real(operator: FloorDiv, a: NDArray, b: NDArray) -> NDArray:
    """Return the numbers in the type of a."""
    with np.errstate(all="ignore"):
        return np.floor_divide(a, b)


PAGE = any_type_page(
    FloorDiv, (TfliteForm("FLOOR_DIV", 2, lambda layer: FloorDiv()),), real, division_step(real)
)
