"""reshape: the same values in row-major order under another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.movement import Movement


@dataclass(frozen=True)
class Reshape(Movement):
    """The same values in row-major order under another shape, the batch axis kept."""

    shape: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        if prod(self.shape) != prod(inputs[0]):
            raise ShapeError(f"cannot reshape {list(inputs[0])} to {list(self.shape)}")
        return (self.shape,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True

    def for_batch(self, extent: int) -> Reshape:
        return Reshape((extent, *self.shape[1:]))
