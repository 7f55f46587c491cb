"""maximum: the greater of a and b, integers compared as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import Binary, of_any_number


@dataclass(frozen=True)
class Maximum(Binary):
    """The greater of a and b; LiteRT compares integers whatever their scales are."""


def real(operator: Maximum, a: NDArray, b: NDArray) -> NDArray:
    """Return the greater, element by element."""
    return np.maximum(a, b)


PAGE = any_type_page(
    Maximum,
    (TfliteForm("MAXIMUM", 2, lambda layer: Maximum()),),
    real,
    onnx=(OnnxForm("Max", of_any_number(Maximum)),),
    unit="vector unit",
)
