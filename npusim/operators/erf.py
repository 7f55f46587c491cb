"""erf: the error function."""

from __future__ import annotations

from dataclasses import dataclass
from math import erf

import numpy as np
from numpy.typing import NDArray

from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import as_float32, float_page, tabulated
from npusim.operators.kinds.own_table import table_form
from npusim.operators.kinds.unary import Unary

_erf = np.vectorize(erf, otypes=[np.float64])


@dataclass(frozen=True)
class Erf(Unary):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""


def real(operator: Erf, x: NDArray) -> NDArray:
    """Return the error function in the type of x."""
    return _erf(x).astype(x.dtype)


single = as_float32(mlas.erf)
CONSTANTS = tabulated(single)

PAGE = float_page(
    Erf,
    (OnnxForm("Erf", reads(lambda node: Erf())),),
    single,
    real,
    (table_form("erf", CONSTANTS),),
    CONSTANTS,
)
