"""concat: inputs one after the other along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.errors import ShapeError
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor

MOST_INPUTS = 1 << 16


@dataclass(frozen=True)
class Concat(Operator):
    """Inputs one after the other along `axis`, each requantized to the output's scale."""

    axis: int

    @property
    def arity(self) -> tuple[int, int]:
        return 1, MOST_INPUTS

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        first, axis = inputs[0], self.axis
        if not 0 <= axis < len(first):
            raise ShapeError(f"axis {axis} is outside input {list(first)}")
        for x in inputs[1:]:
            if len(x) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(x, first, strict=True)) if i != axis
            ):
                raise ShapeError(f"cannot join {list(first)} and {list(x)} along axis {axis}")
        return ((*first[:axis], sum(x[axis] for x in inputs), *first[axis + 1 :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0 and not any(x.is_constant for x in inputs)
