"""sqrt: the square root.

On 8-bit values a table made in float32, under every set of kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.functions import function_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Sqrt(Unary):
    """The square root."""


def single(operator: Sqrt, x: NDArray) -> NDArray:
    """Return the square root, in x's type."""
    return np.sqrt(x)


PAGE = function_page(
    Sqrt,
    (TfliteForm("SQRT", 1, lambda layer: Sqrt()),),
    single,
    onnx=(OnnxForm("Sqrt", reads(lambda node: Sqrt())),),
)
