"""pwlq_double: pwlq whose tail has twice the centre's step, so that a weight is one integer.

    sign = code[b], tail = code[b-1], g = code[b-2:0],   n = 2^(b-1) - 1
    weight = (-1)^sign * g             in the centre
             (-1)^sign * (n + 2*g)     in the tail

pwlq with s2 = 2 * s1: its M1 * (A1 + n*S) + M2 * A2 is M1 * (A1 + n*S + 2*A2), and the sum in
brackets is what these integers accumulate. The fields of a code are pwlq's, b + 1 stored bits; the
array sees +-21 at most, in one accumulator, on the uniform codes' multiplier.

Source: Fang et al. 2020, section 3; that the steps are tied is npusim's.
"""

from __future__ import annotations

from npusim.codes.code import Element, Levels, WeightCode
from npusim.codes.pwlq import magnitude, sign, tail
from npusim.parameter import Parameter

MOST_BITS = 4
WEIGHT_BITS = 6
"""Of the integer in two's complement at the widest b."""


def weight(code: int, bits: int) -> int:
    """Return the integer that a code of b = `bits` stands for."""
    g, n = magnitude(code, bits), (1 << (bits - 1)) - 1
    size = n + 2 * g if tail(code, bits) else g
    return -size if sign(code, bits) else size


def _worth(code: int, bits: int, levels: Levels) -> tuple[int, int, int]:
    return weight(code, bits), 0, 0


PWLQ_DOUBLE = WeightCode(
    name="pwlq_double",
    unit="mac_uniform",
    elements=(Element("pwlq_double", MOST_BITS, on="uniform6"),),
    parameter=Parameter(
        "PWLQ_DOUBLE", "params0", "pwlq_double", 23, 1,
        "pwlq of a doubled step is built in; needs uniform6 or uniform8",
    ),
    worth=_worth,
    is_flag=True,
    region_bits=1,
)  # fmt: skip
