"""What LiteRT's optimized built-in kernels share: vector code with a rest in scalar code.

Their vector code takes whole vectors of a sample's elements (or of a pixel's channels); what is
left over goes through the reference's arithmetic, which rounds otherwise. It follows the machine
that they are built for here (SSE through the NEON intrinsics).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Constants = TypeVar("Constants")

INTEGER_LANES = 16
"""Elements a vector of integer QUANTIZE, and channels a vector of MEAN."""

LANES = 8
"""Elements a vector of QUANTIZE and DEQUANTIZE of floats, channels of DEPTHWISE_CONV_2D."""


@dataclass(frozen=True)
class VectorAndRest(Generic[Constants]):
    """Constants of the vector code, those of the scalar code, and how many values a vector has.

    `run`: elements of a call, which has a rest of its own; 0 where one takes them all.
    """

    vector: Constants
    rest: Constants
    lanes: int
    run: int = 0
