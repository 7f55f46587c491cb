"""gemmlowp's fixed point on int16: the logistic function and tanh without a table.

A value of `i` integer bits stands for raw * 2^(i - 15). LiteRT's optimized LOGISTIC and TANH of
int16, and its integer LSTM, compute so. Source: gemmlowp, fixedpoint/fixedpoint.h.
"""

from __future__ import annotations

import numpy as np

from npusim.runtimes.fixed_point import Integers, divided_by_power

LEAST, GREATEST = -(1 << 15), (1 << 15) - 1
ONE = GREATEST
"""1.0 of no integer bits, as near as it comes."""

EXPONENTIALS = (
    (-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535),
    (3, 720401), (4, 242),
)  # fmt: skip
"""exp(-2^e) with 31 fraction bits, for each e."""


def _constant(raw_32_bits: int) -> int:
    """Return a constant of 32 bits as one of 16, rounded."""
    return (raw_32_bits + (1 << 15)) >> 16


def saturated(x: Integers) -> Integers:
    """Return x within int16."""
    return np.clip(x, LEAST, GREATEST)


def product(a: Integers, b: Integers | int) -> Integers:
    """Return a * b: integer bits add up; halves round up."""
    return saturated((a * b + (1 << 14)) >> 15)


def _times_power(x: Integers, exponent: int) -> Integers:
    if exponent < 0:
        return divided_by_power(x, -exponent)
    return saturated(x << exponent)


def _exp_near_zero(a: Integers) -> Integers:
    """Return exp(a) for a in [-1/4, 0): a Taylor series around -1/8; no integer bits."""
    center, third = _constant(1895147668), _constant(715827883)
    x = a + (1 << 12)
    x2 = product(x, x)
    x3, x4 = product(x2, x), product(x2, x2)
    series = _times_power(product(_times_power(x4, -2) + x3, third) + x2, -1)
    return saturated(center + product(x + series, center))


def exp_of_negative(a: Integers, integer_bits: int) -> Integers:
    """Return exp(a), of no integer bits, for a <= 0 of `integer_bits`."""
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    near = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_times_power(near, integer_bits))
    remainder = near - a
    for exponent, multiplier in EXPONENTIALS:
        if integer_bits > exponent:
            bit = 1 << (fraction_bits + exponent)
            result = np.where(remainder & bit, product(result, _constant(multiplier)), result)
    if integer_bits > 5:
        result = np.where(a < -(1 << (fraction_bits + 5)), 0, result)
    return np.where(a == 0, ONE, result)


def _half_reciprocal(a: Integers) -> Integers:
    """Return 2 / (1 + a), of 2 integer bits, for a in [0, 1]: three steps of Newton."""
    half = (a + ONE + 1) >> 1
    x = _constant(1515870810) + product(half, _constant(-1010580540))
    for _ in range(3):
        rest = (1 << 13) - product(half, x)
        x = x + _times_power(product(x, rest), 2)
    return x


def logistic(a: Integers, integer_bits: int = 3) -> Integers:
    """Return 1 / (1 + exp(-a)) with 15 fraction bits."""
    fraction = exp_of_negative(-np.abs(a), integer_bits)
    above = _times_power(_half_reciprocal(fraction), 1)
    return np.where(a > 0, above, np.where(a == 0, 1 << 14, ONE - above))


def tanh(a: Integers, integer_bits: int = 3) -> Integers:
    """Return tanh(a) with 15 fraction bits."""
    fraction = exp_of_negative(-np.abs(a), integer_bits + 1)
    above = _times_power(_half_reciprocal(fraction) - (1 << 13), 2)
    return np.where(a == 0, 0, np.where(a > 0, above, -above))
