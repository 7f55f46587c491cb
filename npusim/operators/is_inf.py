"""is_inf: whether x is infinite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class IsInf(Unary):
    """Whether x is infinite: above 0 where `positive`, below where `negative`."""

    positive: bool
    negative: bool


def real(operator: IsInf, x: NDArray) -> NDArray:
    """Return the truth values."""
    above, below = np.isposinf(x), np.isneginf(x)
    return (above & operator.positive) | (below & operator.negative)


def _of(node: OnnxNode) -> IsInf:
    return IsInf(*(bool(node.integer(f"detect_{sign}", 1)) for sign in ("positive", "negative")))


PAGE = any_type_page(IsInf, (), real, onnx=(OnnxForm("IsInf", reads(_of, 1, np.dtype(np.bool_))),))
