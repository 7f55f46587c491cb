"""top_k: the greatest values of each row, in order, and where they stood."""

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
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class TopK(Operator):
    """The `count` greatest values along the last axis, falling, and their places: two outputs.

    Of equals the one that stands first comes first.
    """

    count: int

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not x or not 0 < self.count <= x[-1]:
            raise ShapeError(f"there are no {self.count} greatest values in rows of {list(x)}")
        return ((*x[:-1], self.count),) * 2

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return len(inputs[0].shape) > 1


def real(operator: TopK, x: NDArray) -> tuple[NDArray, NDArray]:
    """Return the values and their places."""
    falling = np.argsort(np.flip(x, -1), axis=-1, kind="stable")
    places = x.shape[-1] - 1 - np.flip(falling, -1)[..., : operator.count]
    return np.take_along_axis(x, places, -1), places


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    dtype = network.outputs_of(node)[1].dtype

    def run(threads: int, x: NDArray) -> tuple[NDArray, NDArray]:
        values, places = real(operator, x)
        return values, places.astype(dtype)

    return run


def _read(layer: TfliteLayer) -> TopK:
    (count,) = layer.constant(1)
    return TopK(count)


PAGE = any_type_page(TopK, (TfliteForm("TOPK_V2", 1, _read),), real, _step)
