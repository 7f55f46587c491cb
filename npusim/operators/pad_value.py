"""pad_value: a value of its own around x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import need_size
from npusim.operators.page import Step


@dataclass(frozen=True)
class PadValue(Operator):
    """The second input, one value, around the first: `before` and `after` per canonical axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, value = inputs
        if not len(self.before) == len(self.after) == len(x) or prod(value) != 1:
            raise ShapeError(f"cannot pad {list(x)} by {self.before}, {self.after}")
        if min((*self.before, *self.after), default=0) < 0:
            raise ShapeError(f"padding {self.before}, {self.after} is negative")
        pairs = zip(self.before, x, self.after, strict=True)
        return (need_size(tuple(b + n + a for b, n, a in pairs)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.before[0] == self.after[0] == 0 and inputs[1].is_constant


def real(operator: PadValue, x: NDArray, value: NDArray) -> NDArray:
    """Return x with the value around it."""
    around = list(zip(operator.before, operator.after, strict=True))
    return np.pad(x, around, constant_values=value.ravel()[0])


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, x, value: real(operator, x, value)


def _read(layer: TfliteLayer) -> PadValue:
    pairs = layer.constant(1)
    return PadValue(pairs[0::2], pairs[1::2])


PAGE = any_type_page(PadValue, (TfliteForm("PADV2", (0, 2), _read),), real, _step)
