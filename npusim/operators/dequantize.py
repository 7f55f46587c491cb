"""dequantize: Integer to float32, scale * (q - zero_point)."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Dequantize(Unary):
    """Integer to float32, scale * (q - zero_point)."""
