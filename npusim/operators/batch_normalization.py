"""batch_normalization: gamma * (x - mean) / sqrt(variance + epsilon) + beta, of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor


@dataclass(frozen=True)
class BatchNormalization(Operator):
    """x, gamma, beta, mean, variance -> gamma * (x - mean) / sqrt(variance + epsilon) + beta."""

    epsilon: float

    @property
    def arity(self) -> tuple[int, int]:
        return 5, 5

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (inputs[0],)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True
