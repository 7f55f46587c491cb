"""unpack: the slices of x along an axis, without that axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page, one_or_all
from npusim.operators.kinds.movement import Movement
from npusim.operators.page import Step


@dataclass(frozen=True)
class Unpack(Movement):
    """The `count` slices of x along `axis`: one output each, the axis gone."""

    axis: int
    count: int

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not 0 <= self.axis < len(x) or x[self.axis] != self.count:
            raise ShapeError(f"cannot unpack {list(x)} along axis {self.axis} in {self.count}")
        return ((*x[: self.axis], *x[self.axis + 1 :]),) * self.count

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0


def real(operator: Unpack, x: NDArray) -> tuple[NDArray, ...]:
    """Return the slices."""
    return tuple(np.take(x, i, operator.axis) for i in range(operator.count))


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, x: one_or_all(real(operator, x))


def _read(layer: TfliteLayer) -> Unpack:
    return Unpack(layer.axis(layer.option("Axis"), layer.rank), layer.option("Num"))


PAGE = any_type_page(Unpack, (TfliteForm("UNPACK", 1, _read),), real, _step, unit="data movement")
