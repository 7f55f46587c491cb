"""clip: x within bounds; RELU is (0, None), RELU6 is (0, 6)."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.graph.attributes import Clamp
from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Clip(Unary):
    """x within real bounds, as an operator of its own (a fused one is its producer's Clamp)."""

    low: float | None = None
    high: float | None = None

    @property
    def bounds(self) -> Clamp:
        """The bounds as a fused activation has them."""
        return Clamp(self.low, self.high)
