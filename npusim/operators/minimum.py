"""minimum: the lesser of a and b, integers compared as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary, of_any_number


@dataclass(frozen=True)
class Minimum(Binary):
    """The lesser of a and b; LiteRT compares integers whatever their scales are."""


def real(operator: Minimum, a: NDArray, b: NDArray) -> NDArray:
    """Return the lesser, element by element."""
    return np.minimum(a, b)


PAGE = any_type_page(
    Minimum,
    (TfliteForm("MINIMUM", 2, lambda layer: Minimum()),),
    real,
    onnx=(OnnxForm("Min", of_any_number(Minimum)),),
    unit="vector unit",
)
