"""fully_connected: x [N K] or [... K], w [OC K], optional b [OC] -> [N OC] or [... OC]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from npusim.errors import ShapeError
from npusim.graph.attributes import Clamp, need_rank
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.graph.weights import EncodedWeights
from npusim.operators.kinds.linear import check_weight_types, need_bias


@dataclass(frozen=True)
class FullyConnected(Operator):
    """x [N ...] flattened to [N K] (or [... K] when `keep_dims`), w [OC K], optional b [OC].

    With `encoding`, x is the only input.
    """

    keep_dims: bool = False
    activation: Clamp | None = None
    encoding: EncodedWeights | None = None

    @property
    def arity(self) -> tuple[int, int]:
        return (2, 3) if self.encoding is None else (1, 1)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[0], inputs[1] if self.encoding is None else self.encoding.weight_shape
        need_rank(w, 2, "weights")
        need_bias(inputs, w[0])
        if self.keep_dims:
            if not x or x[-1] != w[1]:
                raise ShapeError(f"weight IC is {w[1]}, input is {list(x)}")
            return ((*x[:-1], w[0]),)
        if not x or w[1] == 0 or prod(x) % w[1]:
            raise ShapeError(f"weight IC is {w[1]}, input is {list(x)}")
        return ((prod(x) // w[1], w[0]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        super().check_inputs(inputs)
        check_weight_types(inputs, self.encoding)
