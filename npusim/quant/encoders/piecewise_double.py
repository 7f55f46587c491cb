"""pwlq_double: two linear pieces, the tail's step twice the centre's; one scale a channel.

    n = 2^(b-1) - 1;  centre: g * s, up to the breakpoint p = n * s;  tail: p + g * 2s, up to 3p

The ratio of the steps is given, so p alone is chosen: the one of least squared error among shares
of max|w|. What lies beyond 3p is clipped. A share of 1/3 is the range that reaches max|w|.

Source: Fang et al. 2020 for the pieces; the tied steps are npusim's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.codes import PWLQ_DOUBLE
from npusim.quant.coded import CodedWeights, check_weights
from npusim.quant.encoders.piecewise_linear import LEAST_STEP, codes_of, piecewise_error
from npusim.quant.encoders.search import Problem
from npusim.quant.encoders.uniform import least_error

RANGE = 3
"""The greatest weight in breakpoints: n + 2n of n steps."""


def encode(weights: NDArray[np.float64], bits: int) -> CodedWeights:
    """Return pwlq_double codes of `weights` float64 [OC K], per output channel, 2..4 bits.

    Raises
    ------
    RangeError
        Bits outside 2..4, or weights that are not finite.
    """
    check_weights(weights, bits, 2, 4, "pwlq_double")
    n = (1 << (bits - 1)) - 1
    codes = np.zeros(weights.shape, PWLQ_DOUBLE.dtype(bits))
    scales = np.zeros((1, len(weights)))
    for c, w in enumerate(weights):
        largest = float(np.abs(w).max(initial=0.0))
        if largest / (RANGE * n) < LEAST_STEP:
            continue

        def error(p: float, w: NDArray[np.float64] = w) -> float:
            return piecewise_error(w, p, RANGE * p, p / n, n, True)

        p = least_error(largest, error)
        codes[c] = codes_of(w, p, (p / n, 2 * p / n), bits, True)
        scales[0, c] = p / n
    return CodedWeights(
        scheme="pwlq_double",
        bits=bits,
        codes=codes,
        points=np.ones(len(weights), np.int64),
        magnitudes=np.zeros(0, np.int64),
        scales=scales,
        channel_shift=np.zeros(len(weights), np.int64),
    )


def fitted(problem: Problem, bits: int) -> CodedWeights:
    """Return pwlq_double codes fitted to the problem's targets, codes and scale together."""
    return problem.improve(encode(problem.targets, bits))[0]
