"""cos: the cosine of x."""

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
class Cos(Unary):
    """The cosine of x."""


def single(operator: Cos, x: NDArray) -> NDArray:
    """Return the cosine of x, in x's type."""
    return np.cos(x.astype(np.float64)).astype(x.dtype)


PAGE = function_page(
    Cos,
    (TfliteForm("COS", 1, lambda layer: Cos()),),
    single,
    constants=Absent("takes no quantized integers"),
    onnx=(OnnxForm("Cos", reads(lambda node: Cos())),),
)
