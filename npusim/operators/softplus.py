"""softplus: ln(1 + e^x)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import float_page, tabulated
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Softplus(Unary):
    """ln(1 + e^x), smooth and above 0."""


def single(operator: Softplus, x: NDArray) -> NDArray:
    """Return the function so that e^x cannot overflow, as onnxruntime does."""
    wide = x.astype(np.float64)
    above = wide + np.log(np.exp(-wide) + 1)
    return np.where(x > 0, above, np.log(np.exp(np.minimum(wide, 0)) + 1)).astype(x.dtype)


CONSTANTS = tabulated(single)

PAGE = float_page(
    Softplus,
    (OnnxForm("Softplus", reads(lambda node: Softplus())),),
    single,
    own=(table_form("softplus", CONSTANTS),),
    constants=CONSTANTS,
)
