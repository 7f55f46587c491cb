"""floor: the greatest whole number not above x."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent


@dataclass(frozen=True)
class Floor(Unary):
    """The greatest whole number not above x."""


def single(operator: Floor, x: NDArray) -> NDArray:
    """Return the greatest whole number not above x, in x's type."""
    return np.floor(x)


PAGE = function_page(
    Floor,
    (TfliteForm("FLOOR", 1, lambda layer: Floor()),),
    single,
    constants=Absent("takes no quantized integers"),
    onnx=(OnnxForm("Floor", reads(lambda node: Floor())),),
)
