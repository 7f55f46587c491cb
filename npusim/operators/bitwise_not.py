"""bitwise_not: every bit of an integer turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class BitwiseNot(Unary):
    """Every bit turned."""

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0,)


def real(operator: BitwiseNot, x: NDArray) -> NDArray:
    """Return the bits in the type of x."""
    return np.bitwise_not(x)


PAGE = any_type_page(
    BitwiseNot, (), real, onnx=(OnnxForm("BitwiseNot", reads(lambda node: BitwiseNot())),)
)
