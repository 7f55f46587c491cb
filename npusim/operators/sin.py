"""sin: the sine of x."""

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
class Sin(Unary):
    """The sine of x."""


def single(operator: Sin, x: NDArray) -> NDArray:
    """Return the sine of x, in x's type."""
    return np.sin(x.astype(np.float64)).astype(x.dtype)


PAGE = function_page(
    Sin,
    (TfliteForm("SIN", 1, lambda layer: Sin()),),
    single,
    constants=Absent("takes no quantized integers"),
    onnx=(OnnxForm("Sin", reads(lambda node: Sin())),),
)
