"""hard_swish: x * min(max(x + 3, 0), 6) / 6."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class HardSwish(Unary):
    """x * min(max(x + 3, 0), 6) / 6."""
