"""sign: -1, 0 or 1 as x is below, at or above 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.functions import function_page, plain_function
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent


@dataclass(frozen=True)
class Sign(Unary):
    """-1, 0 or 1 as x is below, at or above 0."""

    @property
    def has_sign(self) -> bool:
        return True


def single(operator: Sign, x: NDArray) -> NDArray:
    """Return -1, 0 or 1 as x is below, at or above 0, in x's type."""
    return np.sign(x)


PAGE = function_page(
    Sign,
    (TfliteForm("SIGN", 1, lambda layer: Sign()),),
    single,
    constants=Absent("takes no quantized integers"),
    plain=plain_function(np.sign),
    onnx=(OnnxForm("Sign", reads(lambda node: Sign())),),
)
