"""gather: the slices of x that computed or constant indices name, along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.own import Field, OwnForm
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class Gather(Operator):
    """y[..., i ..., ...] = x[..., indices[i ...], ...] along `axis`.

    The first `batch_dims` axes of x and of the indices are walked together. With `from_end` an
    index below 0 counts from the end.
    """

    axis: int
    batch_dims: int = 0
    from_end: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, indices = inputs
        axis, walked = self.axis, self.batch_dims
        if not 0 <= walked <= axis < len(x) or x[:walked] != indices[:walked]:
            raise ShapeError(f"cannot gather {list(indices)} of {list(x)} along axis {axis}")
        return ((*x[:axis], *indices[walked:], *x[axis + 1 :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        if self.batch_dims:
            return False
        looked_up = self.axis == 0 and inputs[0].is_constant
        return looked_up or (self.axis != 0 and inputs[1].is_constant)


def real(operator: Gather, x: NDArray, indices: NDArray) -> NDArray:
    """Return the slices."""
    walked = operator.batch_dims
    if not walked:
        return np.take(x, indices, operator.axis)
    pairs = zip(
        x.reshape(-1, *x.shape[walked:]), indices.reshape(-1, *indices.shape[walked:]), strict=True
    )
    slices = np.stack([np.take(part, at, operator.axis - walked) for part, at in pairs])
    return slices.reshape(*x.shape[:walked], *slices.shape[1:])


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    extent = network.inputs_of(node)[0].shape[operator.axis]

    def step(threads: int, x: NDArray, indices: NDArray) -> NDArray:
        return real(operator, x, found_indices(node, indices, extent, operator.from_end))

    return step


def need_indices(node: Node, indices: NDArray, extent: int) -> None:
    """Raise RangeError where an index is outside an axis of `extent`, as the runtime stops too."""
    outside = indices[(indices < 0) | (indices >= extent)]
    if outside.size:
        raise RangeError(f"{node.name}: index {outside[0]} is outside an axis of {extent}")


def found_indices(node: Node, indices: NDArray, extent: int, from_end: bool) -> NDArray:
    """Return places on an axis of `extent`; indices below 0 count `from_end`, or are outside."""
    if from_end:
        indices = np.where(indices < 0, indices + extent, indices)
    need_indices(node, indices, extent)
    return indices


def _read(layer: TfliteLayer) -> Gather:
    axis = layer.axis(layer.option("Axis"), layer.rank)
    walked = layer.option("BatchDims")
    return Gather(axis, walked + len(layer.input(1).shape) if walked < 0 else walked)


def _looks_up(network: Network, node: Node) -> bool:
    """Return whether it takes rows of a constant table, as an embedding does."""
    operator: Any = node.operator
    table, indices = network.inputs_of(node)
    plain = not operator.axis and not operator.batch_dims and operator.from_end
    return plain and table.is_constant and not indices.is_constant and not indices.is_float


LOOK_UP = Field(lambda o, x: {}, lambda call: {"axis": 0, "from_end": True})

PAGE = any_type_page(
    Gather,
    (TfliteForm("GATHER", 2, _read),),
    real,
    _step,
    own=(OwnForm("LookUp", (LOOK_UP,), values=2, suits=_looks_up),),
    unit="data movement",
)
