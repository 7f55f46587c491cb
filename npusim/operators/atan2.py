"""atan2: the angle of the point (b, a), a first, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.binary import Binary
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class Atan2(Binary):
    """The angle of (b, a) with the first axis, in -pi..pi."""


def single(operator: Atan2, a: NDArray, b: NDArray) -> NDArray:
    """Return the angles in the type of a, rounded from float64."""
    return np.arctan2(a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)


PAGE = float_page(Atan2, (), single, tflite=(TfliteForm("ATAN2", 2, lambda layer: Atan2()),))
