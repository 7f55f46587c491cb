"""sparse_to_dense: one value everywhere but at the places that are named."""

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
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.gather import need_indices
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import need_size
from npusim.operators.page import Step


@dataclass(frozen=True)
class SparseToDense(Operator):
    """Places [P R], [P] or one, values [P] or one, a value for the rest -> y of `shape`, rank R."""

    shape: tuple[int, ...]

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        places, values, rest = inputs
        rows, rank = (*places, 1, 1)[:2]
        if len(places) > 2 or rank != len(self.shape) or values not in ((), (rows,)) or rest:
            raise ShapeError(
                f"places {list(places)}, values {list(values)} and the rest, {list(rest)}, "
                f"do not fit an output {list(self.shape)}"
            )
        return (need_size(self.shape),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: SparseToDense, places: NDArray, values: NDArray, rest: NDArray) -> NDArray:
    """Return the tensor in the type of the values; of a place named twice the last counts."""
    y = np.full(operator.shape, rest, values.dtype)
    rows = places.reshape(-1, len(operator.shape))
    for row, value in zip(rows, np.broadcast_to(values, len(rows)), strict=True):
        y[tuple(row)] = value
    return y


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator

    def step(threads: int, places: NDArray, values: NDArray, rest: NDArray) -> NDArray:
        columns = places.reshape(-1, len(operator.shape)).T
        for column, extent in zip(columns, operator.shape, strict=True):
            need_indices(node, column, extent)
        return real(operator, places, values, rest)

    return step


def _read(layer: TfliteLayer) -> SparseToDense:
    return SparseToDense(layer.constant(1))


PAGE = any_type_page(SparseToDense, (TfliteForm("SPARSE_TO_DENSE", (0, 2, 3), _read),), real, _step)
