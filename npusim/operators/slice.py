"""slice: elements start, start + step, ... below stop, per axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.movement import Movement


@dataclass(frozen=True)
class Slice(Movement):
    """Elements start, start + step, ... (below stop) per canonical axis."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not len(self.start) == len(self.stop) == len(self.step) == len(x):
            raise ShapeError(f"expected a slice of {len(x)} axes, found {len(self.start)}")
        bounds = list(zip(self.start, self.stop, self.step, x, strict=True))
        if any(step < 1 or not 0 <= start <= stop <= n for start, stop, step, n in bounds):
            raise ShapeError(f"slice {self} is outside input {list(x)}")
        return (tuple(len(range(start, stop, step)) for start, stop, step, _ in bounds),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        extent = inputs[0].shape[0]
        return (self.start[0], self.stop[0], self.step[0]) == (0, extent, 1)

    def for_batch(self, extent: int) -> Slice:
        return replace(self, stop=(extent, *self.stop[1:]))
