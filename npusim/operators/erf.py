"""erf: the error function."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.kernels import mlas
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import as_float32, float_page
from npusim.operators.kinds.unary import Unary
from npusim.operators.page import Absent


@dataclass(frozen=True)
class Erf(Unary):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""


PAGE = float_page(
    Erf,
    (OnnxForm("Erf", reads(lambda node: Erf())),),
    as_float32(mlas.erf),
    Absent("has float32 values alone"),
)
