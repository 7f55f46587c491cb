"""sigmoid: 1 / (1 + exp(-x))."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Sigmoid(Unary):
    """1 / (1 + exp(-x))."""
