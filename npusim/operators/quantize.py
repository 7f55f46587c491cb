"""quantize: Float to integer, or integer to integer of another scale (TFLite QUANTIZE)."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.unary import Unary


@dataclass(frozen=True)
class Quantize(Unary):
    """Float to integer, or integer to integer of another scale (TFLite QUANTIZE)."""
