"""scatter_elements: x with an update at the index that stands at the update's place."""

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
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.gather import found_indices
from npusim.operators.gather_elements import fits
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.scatter import put, reduction_of
from npusim.operators.page import Step


@dataclass(frozen=True)
class ScatterElements(Operator):
    """y[i, ..., indices[i, j, ...], ...] = updates[i, j, ...], the index along `axis`; else x.

    `reduction` says what an update does to the value that it meets: see kinds/scatter.py.
    """

    axis: int
    reduction: str

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, indices, updates = inputs
        if not fits(self.axis, x, indices) or indices != updates:
            raise ShapeError(
                f"cannot scatter {list(updates)} by {list(indices)} into {list(x)} along axis "
                f"{self.axis}"
            )
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0 and all(t.shape[0] == inputs[0].shape[0] for t in inputs)


def real(operator: ScatterElements, x: NDArray, indices: NDArray, updates: NDArray) -> NDArray:
    """Return x with the updates, in the type of x."""
    places: list[NDArray] = list(np.indices(indices.shape, sparse=True))
    places[operator.axis] = indices
    return put(x, tuple(places), updates, operator.reduction)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    extent = network.inputs_of(node)[0].shape[operator.axis]

    def step(threads: int, x: NDArray, indices: NDArray, updates: NDArray) -> NDArray:
        return real(operator, x, found_indices(node, indices, extent, True), updates)

    return step


def _read(b: Builder, node: OnnxNode) -> None:
    x, indices, updates = (b.value(node, index) for index in range(3))
    operator = ScatterElements(axis_of(node, 0, len(b.shape(x))), reduction_of(node))
    b.emit(node.name, operator, (x, indices, updates), node.outputs[0])


PAGE = any_type_page(
    ScatterElements,
    (),
    real,
    _step,
    onnx=(OnnxForm("ScatterElements", _read), OnnxForm("Scatter", _read)),
)
