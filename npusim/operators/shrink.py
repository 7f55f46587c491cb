"""shrink: x brought nearer to 0 by a bias where it is further from it than a bound, else 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Shrink(Unary):
    """x + bias below -bound, x - bias above bound, else 0."""

    bound: float
    bias: float


def single(operator: Shrink, x: NDArray) -> NDArray:
    """Return the values in x's type."""
    bound, bias = x.dtype.type(operator.bound), x.dtype.type(operator.bias)
    near = np.where(x > bound, x - bias, x.dtype.type(0))
    return np.where(x < -bound, x + bias, near)


def _of_onnx(node: OnnxNode) -> Shrink:
    return Shrink(node.number("lambd", 0.5), node.number("bias", 0.0))


PAGE = float_page(Shrink, (OnnxForm("Shrink", reads(_of_onnx)),), single)
