"""softmax: exp(beta * x) / sum exp(beta * x) along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.graph.tensor import Tensor
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Softmax(Unary):
    """exp(beta * x) / sum exp(beta * x) along `axis`."""

    axis: int
    beta: float = 1.0

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0
