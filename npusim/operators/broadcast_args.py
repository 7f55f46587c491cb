"""broadcast_args: the shape that two shapes broadcast to; the shapes are values, not tensors'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.binary import broadcast
from npusim.operators.page import Step


@dataclass(frozen=True)
class BroadcastArgs(Operator):
    """Extents [A], extents [B] -> extents [max(A, B)]."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        a, b = inputs
        if len(a) != 1 or len(b) != 1:
            raise ShapeError(f"expected two vectors of extents, found {list(a)} and {list(b)}")
        return (max(a, b),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: BroadcastArgs, a: NDArray, b: NDArray) -> NDArray:
    """Return the extents in the type of a."""
    return np.array(broadcast(tuple(map(int, a)), tuple(map(int, b))), a.dtype)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator

    def step(threads: int, a: NDArray, b: NDArray) -> NDArray:
        try:
            return real(operator, a, b)
        except ShapeError as error:
            raise ShapeError(f"{node.name}: {error}") from None

    return step


PAGE = any_type_page(
    BroadcastArgs, (TfliteForm("BROADCAST_ARGS", 2, lambda layer: BroadcastArgs()),), real, _step
)
