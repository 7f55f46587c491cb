"""One value of each sliding window and channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from npusim.graph.attributes import Clamp, Window, need_rank
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor


@dataclass(frozen=True)
class Pool(Operator):
    """[N IH IW C] -> [N OH OW C]."""

    window: Window
    activation: Clamp | None = field(default=None, kw_only=True)

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        need_rank(inputs[0], 4, "an input")
        return (self.window.output_shape(inputs[0], inputs[0][3]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True
