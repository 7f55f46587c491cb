"""pwlq: a weight lies in the centre or in the tail of a piecewise linear grid of two steps.

    sign = code[b], tail = code[b-1], g = code[b-2:0],   n = 2^(b-1) - 1
    weight = (-1)^sign * g * s1              in the centre
             (-1)^sign * (n*s1 + g*s2)       in the tail

A multiply of b bits, but b + 1 stored bits: sign and magnitude take b, the region one more. In the
array the centre adds +-g * xe to A1, the tail +-g * xe to A2 and +-xe to S, so that

    T = B + M1 * (A1 + n*S) + M2 * A2

Where the breakpoint is not n steps of the centre, S has a multiplier of its own: a third term.
-0 (sign set, value 0) and a tail code with g = 0 (the centre's n once more) are legal codes.

Source: Fang et al. 2020, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from npusim.codes.code import Element, Levels, WeightCode
from npusim.parameter import Parameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def sign(code: int, bits: int) -> int:
    """Return 1 where the weight of a code is negative."""
    return (code >> bits) & 1


def tail(code: int, bits: int) -> int:
    """Return 1 where a code lies in the tail."""
    return (code >> (bits - 1)) & 1


def magnitude(code: int, bits: int) -> int:
    """Return g of a code: steps from zero in the centre, from the breakpoint in the tail."""
    return code & ((1 << (bits - 1)) - 1)


def code_of(sign: int, tail: int, magnitude: int, bits: int) -> int:
    """Return the code of `sign`, region and g."""
    return sign << bits | tail << (bits - 1) | magnitude


def _worth(code: int, bits: int, levels: Levels) -> tuple[int, int, int]:
    one = -1 if sign(code, bits) else 1
    signed = one * magnitude(code, bits)
    return (0, signed, one) if tail(code, bits) else (signed, 0, 0)


def _planes(table: NDArray[np.int16], bits: int) -> NDArray[np.int16]:
    import numpy as np

    centre, tail, tail_sign = table.T
    n = (1 << (bits - 1)) - 1
    return np.stack([centre + n * tail_sign, tail, tail_sign]).astype(np.int16)


PWLQ = WeightCode(
    name="pwlq",
    unit="mac_piecewise_linear",
    elements=(Element("pwlq", 8),),
    parameter=Parameter(
        "PWLQ_BITS", "params0", "pwlq_bits", 24, 4, "greatest b of pwlq, 0: not built in"
    ),
    worth=_worth,
    region_bits=1,
    regions=3,
    forms=(2, 3),
    planes=_planes,
)
