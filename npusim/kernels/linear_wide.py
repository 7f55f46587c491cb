"""Layers of weights on 16-bit activations: sums of 64 or 32 bits, one epilogue for each.

    A[n, oh, ow, oc] = bias[oc] + sum over kh, kw, ic of xe[n, ih, iw, g * ICG + ic] * w[oc, ...]
    y = clamp(((A * M16 + 2^(s - 1)) >> s) + zero_point)          sums of 64 bits
    y = clamp(round(A * M, shift) + zero_point)                   sums of 32 bits, which wrap
    y = clamp(away(float64(A) * scale) + zero_point)              sums of 64 bits

M16 is TFLite's reduced multiplier: 16 bits, because a product of 48 and 32 bits does not fit.
Source: TFLite, internal/common.cc, MultiplyByQuantizedMultiplier of int64.
"""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import kernel
from npusim.datapath.requantize import clamp, requantize_total
from npusim.kernels.floating_point import double_away_requantize

REDUCED_LIMIT = 0x7FFF0000
REDUCED_MOST = 0x7FFF
REDUCED_FRACTION_BITS = 15


@kernel
def requantize_reduced(sums, bias, multipliers, shift, zero_point, low, high, y):
    """Fill y [P OC] from int64 `sums` [P OC]; `multipliers` and `shift` [OC] of 31 bits."""
    pixels, channels = sums.shape
    for c in range(channels):
        m = REDUCED_MOST
        if multipliers[c] < REDUCED_LIMIT:
            m = (multipliers[c] + (1 << 15)) >> 16
        s = shift[c] - 31 + REDUCED_FRACTION_BITS
        for p in range(pixels):
            total = ((sums[p, c] + bias[c]) * m + (1 << (s - 1))) >> s
            y[p, c] = clamp(np.int64(np.int32(total)) + zero_point, low, high)


@kernel
def requantize_single(sums, bias, multipliers, shift, mode, zero_point, low, high, y):
    """Fill y [P OC] from int64 `sums` [P OC], of which 32 bits count, in an integer mode."""
    pixels, channels = sums.shape
    for c in range(channels):
        for p in range(pixels):
            total = np.int64(np.int32(sums[p, c] + bias[c])) * multipliers[c]
            y[p, c] = requantize_total(total, mode, shift[c], zero_point, low, high)


@kernel
def requantize_double_away(sums, bias, scale, zero_point, low, high, y):
    """Fill y [P OC] from int64 `sums` [P OC] as LiteRT's FULLY_CONNECTED does."""
    pixels, channels = sums.shape
    for p in range(pixels):
        for c in range(channels):
            y[p, c] = double_away_requantize(sums[p, c] + bias[c], scale[c], zero_point, low, high)
