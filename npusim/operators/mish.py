"""mish: x tanh(ln(1 + e^x))."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import float_page, tabulated
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Mish(Unary):
    """x tanh(softplus(x))."""


def single(operator: Mish, x: NDArray) -> NDArray:
    """Return the function, rounded once to the type of x."""
    wide = x.astype(np.float64)
    return (wide * np.tanh(np.logaddexp(0, wide))).astype(x.dtype)


CONSTANTS = tabulated(single)

PAGE = float_page(
    Mish,
    (OnnxForm("Mish", reads(lambda node: Mish())),),
    single,
    own=(table_form("mish", CONSTANTS),),
    constants=CONSTANTS,
)
