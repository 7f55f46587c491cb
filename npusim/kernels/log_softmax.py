"""TFLite's integer log-softmax: gemmlowp fixed point throughout, as softmax.py.

    sum = sum of exp(scaled difference from the row's maximum), Q12.19;  L = ln(sum), Q5.26
    y   = round((scaled difference - L) * 2^-22) + zero point

ln x = ln 2 * k + ln r with x = r * 2^k and r near sqrt(sqrt(1/2)), where a quotient of polynomials
stands for ln r.

Source: TFLite, reference_ops::LogSoftmax, internal/common.h
(log_x_for_x_greater_than_or_equal_to_1). Constants are the Q formats of what their names say.
"""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import kernel, scalar
from npusim.datapath.requantize import HALF_AWAY, clamp, round_shift
from npusim.kernels.softmax import (
    SUM_INTEGER_BITS,
    multiply_high,
    reciprocal_of_one_plus,
    saturating_shift_left,
)

LN_2 = 1488522236
FOURTH_ROOT_OF_HALF = 1805811301
ROOT_OF_HALF = 1518500250
QUARTER_Q6 = 1 << 23
ALPHA_N, ALPHA_D, ALPHA_I, ALPHA_F = 117049297, 127690142, 1057819769, 638450708
POWER_BITS = 25
"""Fraction bits of a power of two, Q6.25."""
OUTPUT_SHIFT = 22
LEAST_INT32 = -(1 << 31)


@scalar
def leading_zeros(x):
    """Return the zeros before the first 1 of an int32 above 0."""
    zeros = 0
    while (x << zeros) < (1 << 31):
        zeros += 1
    return zeros


@scalar
def logarithm(x):
    """Return ln(x) in Q5.26 for x of at least 1 in Q12.19."""
    headroom = leading_zeros(x)
    near = saturating_shift_left(x, headroom - 1)
    r_a = saturating_shift_left(multiply_high(near, ROOT_OF_HALF), 1)
    power_a = ((SUM_INTEGER_BITS - headroom) << POWER_BITS) + QUARTER_Q6
    headroom = leading_zeros(multiply_high(x, ROOT_OF_HALF)) - 1
    r_b = saturating_shift_left(x, headroom)
    power_b = ((SUM_INTEGER_BITS - headroom) << POWER_BITS) - QUARTER_Q6
    r, power = min(r_a, r_b), max(power_a, power_b)
    p = (r + FOURTH_ROOT_OF_HALF + 1) >> 1
    q = 2 * (r - FOURTH_ROOT_OF_HALF)
    square = multiply_high(q, q)
    above = multiply_high(q, r) + multiply_high(multiply_high(q, square), ALPHA_N)
    below = multiply_high(p, ALPHA_I + q + multiply_high(ALPHA_D, square))
    below += multiply_high(ALPHA_F, q)
    part = multiply_high(round_shift(HALF_AWAY, above, 6), reciprocal_of_one_plus(below))
    return saturating_shift_left(multiply_high(power, LN_2) + part, 1)


@kernel
def log_softmax(x, exponentials, scaled, least_difference, back, back_shift, zero_point, y):
    """Fill y [R C] from x [R C].

    `exponentials` and `scaled` hold exp of the differences 0, -1 ... in Q0.31 and the differences
    in Q5.26; back * 2^-(31 + back_shift) takes a Q5.26 number to steps of the input.
    """
    least, most = zero_point - 255, zero_point
    for r in range(x.shape[0]):
        largest = np.int64(x[r, 0])
        for c in range(x.shape[1]):
            largest = max(largest, np.int64(x[r, c]))
        total = 0
        for c in range(x.shape[1]):
            total += round_shift(HALF_AWAY, exponentials[largest - x[r, c]], SUM_INTEGER_BITS)
        log_total = logarithm(total)
        reach = round_shift(HALF_AWAY, multiply_high(log_total + LEAST_INT32, back), back_shift)
        reach = max(least_difference - 1, reach)
        for c in range(x.shape[1]):
            difference = np.int64(x[r, c]) - largest
            value = least
            if difference > reach:
                steps = round_shift(HALF_AWAY, scaled[-difference] - log_total, OUTPUT_SHIFT)
                value = clamp(steps + zero_point, least, most)
            y[r, c] = value
