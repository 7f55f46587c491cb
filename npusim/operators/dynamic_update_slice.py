"""dynamic_update_slice: x with a part replaced, from a place that may be computed."""

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
from npusim.operators.page import Step


@dataclass(frozen=True)
class DynamicUpdateSlice(Operator):
    """x, of which `update` takes the part that begins at `start` [rank of x].

    A start is moved so that the update lies within x.
    """

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (2,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, update, start = inputs
        fits = len(update) == len(x) and all(u <= n for u, n in zip(update, x, strict=True))
        if not fits or start != (len(x),):
            raise ShapeError(f"{list(update)} at a start {list(start)} does not fit {list(x)}")
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: DynamicUpdateSlice, x: NDArray, update: NDArray, start: NDArray) -> NDArray:
    """Return x with the part replaced."""
    y = x.copy()
    triples = zip(start, x.shape, update.shape, strict=True)
    first = [min(max(int(s), 0), n - u) for s, n, u in triples]
    y[tuple(slice(s, s + u) for s, u in zip(first, update.shape, strict=True))] = update
    return y


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, x, update, start: real(operator, x, update, np.asarray(start))


PAGE = any_type_page(
    DynamicUpdateSlice,
    (TfliteForm("DYNAMIC_UPDATE_SLICE", 3, lambda layer: DynamicUpdateSlice()),),
    real,
    _step,
)
