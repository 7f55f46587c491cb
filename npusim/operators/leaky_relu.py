"""leaky_relu: x where it is not negative, alpha * x elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """x where x >= 0, else alpha * x."""

    alpha: float
