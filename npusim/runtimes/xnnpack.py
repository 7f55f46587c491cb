"""What XNNPACK shares over operators: ratios in 8 fraction bits, 21-bit multipliers of sums.

Sources: XNNPACK, init_qs8_add_minmax, init_qs8_cvt, init_qs8_lrelu (microparams-init.c).
"""

from __future__ import annotations

import numpy as np

from npusim.graph.attributes import Clamp
from npusim.runtimes.requantization import Requantization

FRACTION_BITS = 8


def is_ratio(ratio: float) -> bool:
    """Return whether XNNPACK requantizes by `ratio`, which it does with 8 fraction bits."""
    return 2.0**-8 <= ratio <= 2.0**7


def requantization(ratio: float, zero_point: int, low: int, high: int) -> Requantization:
    """Return the constants that multiply A = x - z by a `ratio` that `is_ratio`."""
    m = int(np.rint(np.float32(1 << FRACTION_BITS) * np.float32(ratio)))
    return Requantization(
        np.array([[m]]), np.array([0]), np.array([FRACTION_BITS]), "half_up", zero_point, low, high
    )


def sum_multipliers(first: np.float32, second: np.float32) -> tuple[tuple[int, int], int] | None:
    """Return the multipliers of a sum's terms, the larger in [2^20, 2^21), and their shift.

    None where XNNPACK does not take such ratios of input to output scale.
    """
    largest = max(first, second)
    if not 2.0**-10 <= largest < 2.0**8:
        return None
    shift = 20 - (int(np.frexp(largest)[1]) - 1)
    m1, m2 = (int(np.rint(np.ldexp(ratio, shift))) for ratio in (first, second))
    return (m1, m2), shift


def activation_bounds(
    clamp: Clamp | None, scale: np.float32, zero_point: int, dtype: np.dtype
) -> tuple[int, int]:
    """Return the least and greatest output within a fused activation, ties to even.

    The zero point is inside the rounding, where TFLite adds it afterwards. Source: XNNPACK,
    xnn_qs8_quantize.
    """
    limits = np.iinfo(dtype)
    ends = [int(limits.min), int(limits.max)]
    for side, value in enumerate((clamp.low, clamp.high) if clamp is not None else ()):
        if value is not None:
            steps = np.rint(np.float32(value) / scale + np.float32(zero_point))
            ends[side] = int(np.clip(steps, limits.min, limits.max))
    return ends[0], max(ends)
