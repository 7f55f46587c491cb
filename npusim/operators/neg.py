"""neg: -x; TFLite negates integers as they stand, whatever their zero points are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Neg(Unary):
    """-x; the least integer stays."""

    @property
    def has_sign(self) -> bool:
        return True


def real(operator: Neg, x: NDArray) -> NDArray:
    """Return -x."""
    return np.negative(x)


PAGE = any_type_page(
    Neg,
    (TfliteForm("NEG", 1, lambda layer: Neg()),),
    real,
    onnx=(OnnxForm("Neg", reads(lambda node: Neg())),),
    unit="vector unit",
)
