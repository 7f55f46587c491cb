"""pack: inputs of one shape side by side along a new axis."""

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
from npusim.operators.concat import MOST_INPUTS
from npusim.operators.forms.tflite import ALL_INPUTS, TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class Pack(Operator):
    """Inputs of one shape side by side along `axis` of the output, as they are."""

    axis: int

    @property
    def arity(self) -> tuple[int, int]:
        return 1, MOST_INPUTS

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        first = inputs[0]
        if not 0 <= self.axis <= len(first):
            raise ShapeError(f"axis {self.axis} is outside the packed {list(first)}")
        for x in inputs[1:]:
            if x != first:
                raise ShapeError(f"cannot pack {list(first)} and {list(x)}")
        return ((*first[: self.axis], len(inputs), *first[self.axis :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0 and not any(x.is_constant for x in inputs)


def real(operator: Pack, *inputs: NDArray) -> NDArray:
    """Return the inputs side by side."""
    return np.stack(inputs, operator.axis)


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    return lambda threads, *inputs: real(operator, *inputs)


def _read(layer: TfliteLayer) -> Pack:
    return Pack(layer.axis(layer.option("Axis"), layer.rank + 1))


PAGE = any_type_page(
    Pack, (TfliteForm("PACK", ALL_INPUTS, _read),), real, _step, unit="data movement"
)
