"""ceil: the least whole number not below x."""

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
class Ceil(Unary):
    """The least whole number not below x."""


def single(operator: Ceil, x: NDArray) -> NDArray:
    """Return the least whole number not below x, in x's type."""
    return np.ceil(x)


PAGE = function_page(
    Ceil,
    (TfliteForm("CEIL", 1, lambda layer: Ceil()),),
    single,
    constants=Absent("takes no quantized integers"),
    onnx=(OnnxForm("Ceil", reads(lambda node: Ceil())),),
)
