"""Weight-equalizing shift scaler: one scale a layer, and a 4-bit power of two a channel.

    n_c = clip(floor(log2(R_layer / R_c)), 0, 15),  R = max|w|;  W' = W * 2^n_c
    s_w = max|W'| / 127;  q = rint(W' / s_w), ties to even

The epilogue shifts channel c by n_c bits more. Source: Oh et al. 2020; the 4-bit floor and the cap
where the shift does not fit the epilogue are npusim's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.quant.coded import CodedWeights, check_weights
from npusim.quant.encoders.search import Problem
from npusim.quant.encoders.shared_scale import LARGEST_SHIFT, fit_shared
from npusim.quant.encoders.uniform import codes_of, to_integers


def equalizing_shifts(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return n_c int64 [OC], 0..15, of weights [OC K]; 0 for a channel of zeros.

    log2 is exact here: the exponents decide, and where they tie, the mantissas.
    """
    ranges = np.abs(weights).max(axis=1, initial=0.0)
    mantissa, exponent = np.frexp(ranges)
    top_mantissa, top_exponent = np.frexp(ranges.max(initial=0.0))
    shifts = top_exponent - exponent - (top_mantissa < mantissa)
    return np.where(ranges > 0, np.clip(shifts, 0, LARGEST_SHIFT), 0).astype(np.int64)


def encode(
    weights: NDArray[np.float64], bits: int = 8, *, cap: NDArray[np.int64] | None = None
) -> CodedWeights:
    """Return codes of `weights` float64 [OC K] with one scale and a shift per channel.

    `cap` int64 [OC] is the largest n_c that the epilogue has room for.

    Raises
    ------
    RangeError
        Bits outside 2..8, or weights that are not finite.
    """
    check_weights(weights, bits, 2, 8, "wes")
    shifts = equalizing_shifts(weights)
    if cap is not None:
        shifts = np.minimum(shifts, cap)
    high = (1 << (bits - 1)) - 1
    equalized = np.ldexp(weights, shifts[:, None])
    scale = float(np.abs(equalized).max(initial=0.0)) / high
    channels = len(weights)
    integers = to_integers(equalized, np.full(channels, scale), -high, high)
    live = (integers != 0).any(axis=1)
    return CodedWeights(
        scheme="wes",
        bits=bits,
        codes=codes_of(integers, bits),
        points=np.ones(channels, np.int64),
        magnitudes=np.zeros(0, np.int64),
        scales=np.where(live, np.ldexp(scale, -shifts), 0.0)[None],
        channel_shift=shifts,
    )


def fitted(problem: Problem, bits: int, *, cap: NDArray[np.int64] | None = None) -> CodedWeights:
    """Return codes with one scale and a shift per channel, fitted to the problem's targets."""
    return fit_shared(problem, encode(problem.targets, bits, cap=cap), cap)
