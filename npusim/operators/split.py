"""split: pieces of x along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page, one_or_all
from npusim.operators.kinds.movement import Movement
from npusim.operators.page import Step


@dataclass(frozen=True)
class Split(Movement):
    """Pieces of x along `axis`, one after the other, of `sizes`: one output each."""

    axis: int
    sizes: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not 0 <= self.axis < len(x) or sum(self.sizes) != x[self.axis] or min(self.sizes) < 1:
            raise ShapeError(f"cannot split {list(x)} along axis {self.axis} in {self.sizes}")
        return tuple((*x[: self.axis], size, *x[self.axis + 1 :]) for size in self.sizes)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0


def real(operator: Split, x: NDArray) -> tuple[NDArray, ...]:
    """Return the pieces."""
    places = tuple(accumulate(operator.sizes))[:-1]
    return tuple(np.ascontiguousarray(part) for part in np.split(x, places, operator.axis))


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, x: one_or_all(real(operator, x))


def _read_split(layer: TfliteLayer) -> Operator:
    (axis,), x = layer.constant(0), layer.input(1).shape
    axis, count = layer.axis(axis, len(x)), layer.option("NumSplits")
    if count < 1 or x[axis] % count or count != len(layer.outputs):
        raise ShapeError(f"{layer.record.name}: cannot split {list(x)} in {count} along {axis}")
    return Split(axis, (x[axis] // count,) * count)


def _read_split_v(layer: TfliteLayer) -> Operator:
    x, sizes, (axis,) = layer.input(0).shape, layer.constant(1), layer.constant(2)
    axis = layer.axis(axis, len(x))
    if sizes.count(-1) == 1:
        sizes = tuple(x[axis] - sum(sizes) - 1 if size == -1 else size for size in sizes)
    return Split(axis, sizes)


PAGE = any_type_page(
    Split,
    (TfliteForm("SPLIT", (1,), _read_split), TfliteForm("SPLIT_V", 1, _read_split_v)),
    real,
    _step,
    unit="data movement",
)
