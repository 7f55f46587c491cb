"""trilu: the upper or lower triangle of each matrix, zeros elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.movement import Rearrangement, rearrangement_page


@dataclass(frozen=True)
class Trilu(Rearrangement):
    """x [... M N] where column - row is at least `diagonal` (at most, unless `upper`), else 0."""

    upper: bool
    diagonal: int

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return the triangles."""
        rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
        away = columns - rows
        kept = away >= self.diagonal if self.upper else away <= self.diagonal
        return np.where(kept, x, fill)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        if len(inputs[0]) < 2:
            raise ShapeError(f"expected matrices, found {list(inputs[0])}")
        return (inputs[0],)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 2


def _read(b: Builder, node: OnnxNode) -> None:
    diagonal = b.optional_integer(node, 1, "diagonal") or 0
    operator = Trilu(bool(node.integer("upper", 1)), diagonal)
    b.emit(node.name, operator, (b.value(node, 0),), node.outputs[0])


PAGE = rearrangement_page(Trilu, (), (OnnxForm("Trilu", _read),), unit="host")
