"""Functions of one value at a time: the output has the shape of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor


@dataclass(frozen=True)
class Unary(Operator):
    """f(x), element by element."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (inputs[0],)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True
