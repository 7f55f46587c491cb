"""lp_normalization: x over its norm along an axis: its magnitudes' sum, or the root of squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class LpNormalization(Unary):
    """x over (sum of |x|^p)^(1/p) along `axis`, p 1 or 2; 0 where that is 0."""

    axis: int
    p: int

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis > 0


def single(operator: LpNormalization, x: NDArray) -> NDArray:
    """Return the values in x's type, the norm summed in that of float64."""
    wide = x.astype(np.float64)
    powers = np.abs(wide) if operator.p == 1 else wide * wide
    sums = powers.sum(operator.axis, keepdims=True)
    norm = (sums if operator.p == 1 else np.sqrt(sums)).astype(x.dtype)
    return np.where(norm == 0, x.dtype.type(0), x / np.where(norm == 0, x.dtype.type(1), norm))


def _read(b: Builder, node: OnnxNode) -> None:
    x, p = b.value(node, 0), node.integer("p", 2)
    if p not in (1, 2):
        raise UnsupportedError(f"{node.name} (LpNormalization): expected p 1 or 2, found {p}")
    operator = LpNormalization(axis_of(node, -1, len(b.shape(x))), p)
    b.emit(node.name, operator, (x,), node.outputs[0])


PAGE = float_page(LpNormalization, (OnnxForm("LpNormalization", _read),), single)
