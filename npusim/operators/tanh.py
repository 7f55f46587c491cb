"""tanh: The hyperbolic tangent of x."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Tanh(Unary):
    """The hyperbolic tangent of x."""
