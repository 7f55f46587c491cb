"""scatter_updates: x with updates at the places that rows of indices name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.gather import found_indices
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.scatter import put, reduction_of
from npusim.operators.page import Step


@dataclass(frozen=True)
class ScatterUpdates(Operator):
    """y[indices[i ..., 0], indices[i ..., 1] ..., ...] = updates[i ..., ...]; else x.

    `reduction` says what an update does to the value that it meets: see kinds/scatter.py.
    """

    reduction: str

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, indices, updates = inputs
        depth = indices[-1] if indices else 0
        if not 1 <= depth <= len(x) or updates != (*indices[:-1], *x[depth:]):
            raise ShapeError(
                f"cannot scatter {list(updates)} by rows {list(indices)} into {list(x)}"
            )
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: ScatterUpdates, x: NDArray, indices: NDArray, updates: NDArray) -> NDArray:
    """Return x with the updates, in the type of x."""
    return put(x, tuple(np.moveaxis(indices, -1, 0)), updates, operator.reduction)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    extents = network.inputs_of(node)[0].shape

    def step(threads: int, x: NDArray, indices: NDArray, updates: NDArray) -> NDArray:
        columns = [
            found_indices(node, column, extent, True)
            for column, extent in zip(np.moveaxis(indices, -1, 0), extents, strict=False)
        ]
        return real(operator, x, np.stack(columns, -1), updates)

    return step


def _read(b: Builder, node: OnnxNode) -> None:
    values = tuple(b.value(node, index) for index in range(3))
    b.emit(node.name, ScatterUpdates(reduction_of(node)), values, node.outputs[0])


PAGE = any_type_page(ScatterUpdates, (), real, _step, onnx=(OnnxForm("ScatterND", _read),))
