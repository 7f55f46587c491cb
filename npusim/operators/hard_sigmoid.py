"""hard_sigmoid: alpha x + beta within 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.own import number
from npusim.operators.kinds.host import float_page, tabulated
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class HardSigmoid(Unary):
    """alpha x + beta, not below 0 and not above 1."""

    alpha: float
    beta: float


def single(operator: HardSigmoid, x: NDArray) -> NDArray:
    """Return the function in the type of x."""
    line = x.dtype.type(operator.alpha) * x + x.dtype.type(operator.beta)
    return np.maximum(np.minimum(line, x.dtype.type(1)), x.dtype.type(0))


CONSTANTS = tabulated(single)

PAGE = float_page(
    HardSigmoid,
    (
        OnnxForm(
            "HardSigmoid",
            reads(lambda n: HardSigmoid(n.number("alpha", 0.2), n.number("beta", 0.5))),
        ),
    ),
    single,
    own=(table_form("hard_sigmoid", CONSTANTS, number("alpha"), number("beta")),),
    constants=CONSTANTS,
)
