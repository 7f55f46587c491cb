"""gather_nd: the elements or slices of x that rows of indices name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.gather import need_indices
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class GatherNd(Operator):
    """y[i ..., ...] = x[indices[i ..., 0], indices[i ..., 1] ..., ...]."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, indices = inputs
        if not indices or not 1 <= indices[-1] <= len(x):
            raise ShapeError(f"cannot gather rows {list(indices)} of {list(x)}")
        return ((*indices[:-1], *x[indices[-1] :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: GatherNd, x: NDArray, indices: NDArray) -> NDArray:
    """Return the elements or slices."""
    return x[tuple(np.moveaxis(indices, -1, 0))]


def _step(network: Network, node: Node) -> Step:
    extents = network.inputs_of(node)[0].shape

    def step(threads: int, x: NDArray, indices: NDArray) -> NDArray:
        columns = np.moveaxis(indices, -1, 0)
        for column, extent in zip(columns, extents, strict=False):
            need_indices(node, column, extent)
        return np.asarray(x[tuple(columns)])

    return step


PAGE = any_type_page(GatherNd, (TfliteForm("GATHER_ND", 2, lambda layer: GatherNd()),), real, _step)
