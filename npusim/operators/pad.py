"""pad: a constant around x, its zero point for integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.errors import ShapeError
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.movement import Movement


@dataclass(frozen=True)
class Pad(Movement):
    """Zeros (the zero point, for integers) around x: `before` and `after` per canonical axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not len(self.before) == len(self.after) == len(x):
            raise ShapeError(f"expected padding for {len(x)} axes, found {len(self.before)}")
        if min((*self.before, *self.after), default=0) < 0:
            raise ShapeError(f"padding {self.before}, {self.after} is negative")
        return (tuple(b + n + a for b, n, a in zip(self.before, x, self.after, strict=True)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.before[0] == self.after[0] == 0

    @property
    def copies_values(self) -> bool:
        return False  # what the padding is worth depends on the zero point
