"""TFLite's integer softmax: gemmlowp fixed point throughout, no table of floats.

    e_c = exp(scaled difference from the row's maximum), Q0.31
    sum = sum of e_c in Q12.19;  1/sum = 2^-k / (1 + x) by three Newton steps
    y   = round(e_c / sum * 256) + least output

There are only 256 differences, so e is tabulated when the layer is prepared. A host operator: no
unit of the machine computes it.

Source: TFLite, reference_ops::Softmax; gemmlowp, fixedpoint.h (exp_on_negative_values,
one_over_one_plus_x_for_x_in_0_1). Constants are the Q formats of what their names say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.datapath.requantize import HALF_AWAY, HALF_UP, clamp, round_shift

ONE = (1 << 31) - 1
EXP_MINUS_EIGHTH = 1895147668
ONE_THIRD = 715827883
FORTY_EIGHT_SEVENTEENTHS_Q2 = 1515870810
MINUS_THIRTY_TWO_SEVENTEENTHS_Q2 = -1010580540
DIFFERENCE_FRACTION_BITS = 26
SUM_INTEGER_BITS = 12
EXP_MINUS_POWER_OF_TWO = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-2^k) for k = -2..4, Q0.31."""


@scalar
def multiply_high(a, b):
    """Return a * b * 2^-31 rounded half up, saturating (gemmlowp's doubling high multiply)."""
    return min(round_shift(HALF_UP, a * b, 31), ONE)


@scalar
def saturating_shift_left(x, bits):
    """Return x << bits within int32."""
    return clamp(x << bits, -ONE - 1, ONE)


def exp_of_negative(x: int) -> int:
    """Return exp(x) in Q0.31 for x <= 0 in Q5.26."""
    if x == 0:
        return ONE
    quarter = 1 << (DIFFERENCE_FRACTION_BITS - 2)
    remainder = (x & (quarter - 1)) - quarter
    t = (remainder << 5) + (1 << 28)
    t2 = multiply_high(t, t)
    t3 = multiply_high(t2, t)
    t4_over_4 = round_shift(HALF_AWAY, multiply_high(t2, t2), 2)
    series = round_shift(HALF_AWAY, multiply_high(t4_over_4 + t3, ONE_THIRD) + t2, 1)
    result = EXP_MINUS_EIGHTH + multiply_high(EXP_MINUS_EIGHTH, t + series)
    for k, factor in enumerate(EXP_MINUS_POWER_OF_TWO):
        if (remainder - x) & (quarter << k):
            result = multiply_high(result, factor)
    return result


def exponentials(multiplier: int, left_shift: int, least_difference: int) -> NDArray[np.int64]:
    """Return exp of the differences 0, -1, ..., -255 in Q0.31; 0 where they count as nothing.

    A difference is multiplied by multiplier * 2^(left_shift - 31) to Q5.26; what is below
    `least_difference` counts as nothing.
    """
    table = np.zeros(256, np.int64)
    for difference in range(256):
        if -difference >= least_difference:
            scaled = multiply_high(-difference << left_shift, multiplier)
            table[difference] = exp_of_negative(scaled)
    return table


@scalar
def reciprocal_of_one_plus(x):
    """Return 1 / (1 + x) in Q0.31 for x in 0..1, Q0.31."""
    half_denominator = (x + ONE + 1) >> 1
    y = FORTY_EIGHT_SEVENTEENTHS_Q2 + multiply_high(
        half_denominator, MINUS_THIRTY_TWO_SEVENTEENTHS_Q2
    )
    for _ in range(3):
        rest = (1 << 29) - multiply_high(half_denominator, y)
        y += saturating_shift_left(multiply_high(y, rest), 2)
    return saturating_shift_left(y, 1)


@kernel
def softmax(x, table, least_difference, least, bits, y):
    """Fill y [R C] from x [R C]; `least` is the smallest value of the output's type of `bits`."""
    for r in range(x.shape[0]):
        largest = np.int64(x[r, 0])
        for c in range(x.shape[1]):
            largest = max(largest, np.int64(x[r, c]))
        total = 0
        for c in range(x.shape[1]):
            total += round_shift(HALF_AWAY, table[largest - x[r, c]], SUM_INTEGER_BITS)
        leading = 0
        while (total << leading) < (1 << 31):
            leading += 1
        inverse = reciprocal_of_one_plus((total << leading) - (1 << 31))
        shift = SUM_INTEGER_BITS - leading + 31 - bits
        for c in range(x.shape[1]):
            difference = np.int64(x[r, c]) - largest
            value = least
            if difference >= least_difference:
                scaled = multiply_high(inverse, table[-difference])
                value = round_shift(HALF_AWAY, scaled, shift) + least
            y[r, c] = clamp(value, least, least + (1 << bits) - 1)
