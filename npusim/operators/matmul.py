"""matmul: a [... M K], b [... K N] -> [... M N], both computed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.errors import ShapeError
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.binary import broadcast, broadcasts_within_samples


@dataclass(frozen=True)
class MatMul(Operator):
    """a [... M K], b [... K N] -> [... M N], both computed values, broadcast over leading axes."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        a, b = inputs
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            raise ShapeError(f"cannot multiply {list(a)} by {list(b)}")
        return ((*broadcast(a[:-2], b[:-2]), a[-2], b[-1]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return broadcasts_within_samples(inputs, outputs[0])
