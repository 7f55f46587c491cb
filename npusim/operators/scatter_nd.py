"""scatter_nd: zeros with updates added at the places that rows of indices name."""

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
class ScatterNd(Operator):
    """y[indices[i ..., 0], indices[i ..., 1] ..., ...] += updates[i ..., ...], y of `shape`."""

    shape: tuple[int, ...]

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (0,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        indices, updates = inputs
        depth = indices[-1] if indices else 0
        if not 1 <= depth <= len(self.shape) or updates != (
            *indices[:-1],
            *self.shape[depth:],
        ):
            raise ShapeError(
                f"cannot scatter {list(updates)} by rows {list(indices)} into {list(self.shape)}"
            )
        return (need_size(self.shape),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: ScatterNd, indices: NDArray, updates: NDArray) -> NDArray:
    """Return the sums in the type of the updates; integers wrap."""
    y = np.zeros(operator.shape, updates.dtype)
    np.add.at(y, tuple(np.moveaxis(indices, -1, 0)), updates)
    return y


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator

    def step(threads: int, indices: NDArray, updates: NDArray) -> NDArray:
        for column, extent in zip(np.moveaxis(indices, -1, 0), operator.shape, strict=False):
            need_indices(node, column, extent)
        return real(operator, indices, updates)

    return step


def _read(layer: TfliteLayer) -> ScatterNd:
    return ScatterNd(layer.constant(2))


PAGE = any_type_page(ScatterNd, (TfliteForm("SCATTER_ND", 2, _read),), real, _step)
