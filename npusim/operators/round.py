"""round: the nearest whole number, halves to even."""

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
class Round(Unary):
    """The nearest whole number, halves to even."""


def single(operator: Round, x: NDArray) -> NDArray:
    """Return the nearest whole number, halves to even, in x's type."""
    return np.rint(x)


PAGE = function_page(
    Round,
    (TfliteForm("ROUND", 1, lambda layer: Round()),),
    single,
    constants=Absent("takes no quantized integers"),
    onnx=(OnnxForm("Round", reads(lambda node: Round())),),
)
