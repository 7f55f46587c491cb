"""transpose: output axis i is input axis order[i]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.movement import Movement


@dataclass(frozen=True)
class Transpose(Movement):
    """Output axis i is input axis `order[i]`."""

    order: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if sorted(self.order) != list(range(len(x))):
            raise ShapeError(f"{list(self.order)} is no order of {len(x)} axes")
        return (tuple(x[axis] for axis in self.order),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.order[0] == 0
