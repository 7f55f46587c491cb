"""is_nan: whether x is not a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class IsNan(Unary):
    """Whether x is not a number."""


def real(operator: IsNan, x: NDArray) -> NDArray:
    """Return the truth values."""
    return np.isnan(x)


PAGE = any_type_page(
    IsNan, (), real, onnx=(OnnxForm("IsNaN", reads(lambda node: IsNan(), 1, np.dtype(np.bool_))),)
)
