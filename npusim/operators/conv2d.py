"""conv2d: x [N IH IW IC], w [OC KH KW IC/groups], optional b [OC] -> [N OH OW OC]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from npusim.errors import ShapeError
from npusim.graph.attributes import Clamp, Window, need_rank
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.graph.weights import EncodedWeights
from npusim.operators.kinds.linear import check_weight_types, need_bias


@dataclass(frozen=True)
class Conv2D(Operator):
    """x [N IH IW IC], w [OC KH KW IC/groups], optional b [OC] -> [N OH OW OC].

    A depthwise convolution is groups == IC; its output channel is ic * multiplier + m.
    Where the weights are codes of one of the papers' schemes, `encoding` holds them with the bias,
    and x is the only input.
    """

    window: Window
    groups: int = 1
    activation: Clamp | None = None
    encoding: EncodedWeights | None = None

    @property
    def arity(self) -> tuple[int, int]:
        return (2, 3) if self.encoding is None else (1, 1)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[0], inputs[1] if self.encoding is None else self.encoding.weight_shape
        need_rank(x, 4, "an input")
        need_rank(w, 4, "weights")
        groups = self.groups
        if groups < 1 or x[3] != w[3] * groups:
            raise ShapeError(f"weight IC is {w[3]} in {groups} groups, input IC is {x[3]}")
        if w[0] % groups:
            raise ShapeError(f"{w[0]} output channels do not divide into {groups} groups")
        if w[1:3] != self.window.kernel:
            raise ShapeError(f"weights are {list(w)}, kernel is {list(self.window.kernel)}")
        need_bias(inputs, w[0])
        return (self.window.output_shape(x, w[0]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        super().check_inputs(inputs)
        check_weight_types(inputs, self.encoding)
