"""tile: x repeated along each axis."""

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
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.movement import Rearrangement, need_size, rearrangement_page


@dataclass(frozen=True)
class Tile(Rearrangement):
    """x `repeats` times along each axis."""

    repeats: tuple[int, ...]

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return copies of `x` side by side."""
        return np.tile(x, self.repeats)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(self.repeats) != len(x) or min(self.repeats, default=1) < 1:
            raise ShapeError(f"cannot repeat {list(x)} by {list(self.repeats)}")
        return (need_size(tuple(n * r for n, r in zip(x, self.repeats, strict=True))),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.repeats[0] == 1


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    repeats = b.integers(node, 1, "count of repeats")
    b.emit(node.name, Tile(repeats), (b.value(node, 0),), node.outputs[0])


PAGE = rearrangement_page(
    Tile,
    (TfliteForm("TILE", 1, lambda layer: Tile(layer.constant(1))),),
    (OnnxForm("Tile", _read_onnx),),
)
