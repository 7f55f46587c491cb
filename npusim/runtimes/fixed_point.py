"""gemmlowp's fixed point on whole arrays: a product's upper half, a rounded shift, a multiplier.

The scalars of npusim/datapath fuse the same two roundings into one constant; here they are one
after the other, in int32 as the runtime has them, so that what overflows there overflows here.
Source: gemmlowp, fixedpoint.h; TFLite, internal/common.h (MultiplyByQuantizedMultiplier).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
"""Values of int32, held in int64."""

LEAST, GREATEST = -(1 << 31), (1 << 31) - 1


def wrapped(x: Integers) -> Integers:
    """Return `x` as int32 holds it."""
    return x.astype(np.int32).astype(np.int64)


def doubling_high(a: Integers, b: Integers | int) -> Integers:
    """Return a * b * 2^-31, halves up, saturating (SaturatingRoundingDoublingHighMul)."""
    return np.minimum((a * b + (1 << 30)) >> 31, GREATEST)


def divided_by_power(x: Integers, exponent: Integers | int) -> Integers:
    """Return x * 2^-exponent, halves away from zero (RoundingDivideByPOT).

    An exponent outside 0..31, which the runtime does not check, is what x86's shifts make of it:
    its low 5 bits for x, its low 6 for the mask of what is cut off.
    """
    with np.errstate(over="ignore"):
        mask = wrapped(np.asarray((np.int64(1) << (exponent & 63)) - 1, np.int64))
    return (x >> (exponent & 31)) + ((x & mask) > (mask >> 1) + (x < 0))


def multiplied(x: Integers, multiplier: Integers | int, exponent: Integers | int) -> Integers:
    """Return x * multiplier * 2^(exponent - 31), rounded twice (MultiplyByQuantizedMultiplier)."""
    left, right = np.maximum(exponent, 0), np.maximum(np.negative(exponent), 0)
    return divided_by_power(doubling_high(wrapped(x << left), multiplier), right)


def multiplied_below_one(
    x: Integers, multiplier: Integers | int, exponent: Integers | int
) -> Integers:
    """Return the same where the runtime relies on an exponent that is not above 0.

    Source: MultiplyByQuantizedMultiplierSmallerThanOneExp, whatever the exponent is.
    """
    return divided_by_power(doubling_high(x, multiplier), np.negative(exponent))


def inverse_square_root(x: int) -> tuple[int, int]:
    """Return (M, e) with 1 / sqrt(x) = M * 2^(e - 31): five Newton steps in Q3.28.

    Source: TFLite, quantization_util.cc, GetInvSqrtQuantizedMultiplierExp, its shift reversed.
    """
    if x <= 1:  # the general way would overflow
        return GREATEST, 0
    shift = 11
    while x >= 1 << 29:
        x //= 4
        shift += 1
    pairs = (31 - x.bit_length()) // 2 - 1
    shift -= pairs
    half = _rounded_half((x << (2 * pairs)) >> 1)
    root = 1 << 28
    for _ in range(5):
        cube = _saturated(_high(_high(root, root), root) << 6)
        root = _saturated((_high(THREE_HALVES_Q3, root) - _high(half, cube)) << 3)
    root = _high(root, HALF_ROOT_OF_2)
    return (root << -shift, 0) if shift < 0 else (root, -shift)


THREE_HALVES_Q3 = (1 << 28) + (1 << 27)
HALF_ROOT_OF_2 = 1518500250


def _high(a: int, b: int) -> int:
    """Return a * b * 2^-31, halves up."""
    return (a * b + (1 << 30)) >> 31


def _rounded_half(x: int) -> int:
    """Return x / 2, halves away from zero, of x that is not negative."""
    return (x + 1) >> 1


def _saturated(x: int) -> int:
    return min(max(x, LEAST), GREATEST)


def multiplied_wide(x: NDArray[np.int64], multiplier: int, exponent: int) -> Integers:
    """Return x * multiplier * 2^(exponent - 31) of x in int64, rounded once, by 16 bits of M.

    Source: TFLite, internal/common.h, MultiplyByQuantizedMultiplier(int64_t, ...).
    """
    reduced = (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
    shift = 15 - exponent
    return wrapped((x * reduced + (np.int64(1) << (shift - 1))) >> shift)
