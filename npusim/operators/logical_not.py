"""logical_not: the other truth value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class LogicalNot(Unary):
    """Not x."""


def real(operator: LogicalNot, x: NDArray) -> NDArray:
    """Return the other truth values."""
    return np.logical_not(x)


PAGE = any_type_page(
    LogicalNot,
    (TfliteForm("LOGICAL_NOT", 1, lambda layer: LogicalNot()),),
    real,
    onnx=(OnnxForm("Not", reads(lambda node: LogicalNot(), dtype=np.dtype(np.bool_))),),
)
