"""One layer fitted to the float network's output, and kept nearest where that is as good.

    targets    w* = argmin |Y w* - t|^2 + damping |w* - w|^2 = (H + d I)^-1 (E[y t] + d w),  t = X w
    codes      of least (w* - q)' (H + d I) (w* - q)

The damping d is chosen, and the nearest encoder's codes are a candidate, by the output error over
held-out samples: a fourth of them or, where a layer has few windows, each fourth in its turn. Then
the codes are found again over all of them.

Source: targets from the quantized predecessors are GPFQ (Lybrand and Saab 2021) and GPTAQ
(Li et al. 2025); the choice by held-out samples is npusim's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from npusim.quant.coded import CodedWeights
from npusim.quant.encoders.factor import damped, root, solve
from npusim.quant.encoders.search import Effort, Problem, spaces
from npusim.quant.moments import Moments, pulled
from npusim.quant.within import LayerSums, Sums

DAMPINGS = (0.01, 0.1, 0.5)


def targets(weights: NDArray[np.float64], moments: Moments, damping: float) -> NDArray[np.float64]:
    """Return w* [OC K] for `weights` [OC K]."""
    share = len(weights) // len(moments.second)
    found = np.empty_like(weights)
    for s, second in enumerate(moments.second):
        own = slice(s * share, (s + 1) * share)
        upper = damped(second, damping)
        added = upper[0, 0] - second[0, 0]
        right = np.ascontiguousarray((moments.pull[own] + added * weights[own]).T)
        root(upper)
        solve(upper, right)
        found[own] = right.T
    return found


def held_out_error(real: NDArray[np.float64], moments: Moments) -> NDArray[np.float64]:
    """Return E[(y q - t)^2] - E[t^2] [OC] of codes that stand for `real` [OC K]."""
    share = len(real) // len(moments.second)
    error = np.empty(len(real))
    for s, second in enumerate(moments.second):
        own = slice(s * share, (s + 1) * share)
        q = real[own]
        error[own] = (q * (pulled(second, q) - 2 * moments.pull[own])).sum(axis=1)
    return error


def mean_correction(
    weights: NDArray[np.float64], coded: CodedWeights, sums: Sums
) -> NDArray[np.float64]:
    """Return what to add to the bias [OC] so that the mean output is the float network's."""
    moments = sums.moments(weights, False)
    mean = moments.mean[moments.space_of]
    return moments.target_mean - (coded.real() * mean).sum(axis=1)


Encode = Callable[[Problem], CodedWeights]
"""A scheme's fitted encoder."""


def fit_layer(
    weights: NDArray[np.float64],
    sums: LayerSums,
    nearest: CodedWeights,
    encode: Encode,
    *,
    centred: bool,
    effort: Effort,
    threads: int,
) -> CodedWeights:
    """Return codes of `weights` [OC K] for the operands in `sums`, or `nearest` if as good.

    Parameters
    ----------
    sums
        Over the layer's operands.
    nearest
        The nearest encoder's codes.
    encode
        The scheme's fitted encoder.
    centred
        Whether the bias takes care of the mean error.
    effort
        How long to look.
    threads
        Cores to use; the result does not depend on it.
    """
    splits = [
        (on.moments(weights, centred), held.moments(weights, centred), held.windows)
        for on, held in sums.splits()
    ]

    def found(moments: Moments, *, damping: float, effort: Effort) -> CodedWeights:
        problem = Problem(
            targets(weights, moments, damping), spaces(moments.second, damping), moments.space_of,
            effort, threads,
        )  # fmt: skip
        return encode(problem)

    def error(code: Callable[[Moments], CodedWeights]) -> float:
        """Return the error over the samples held out, fitted to the others."""
        return sum(
            windows * float(held_out_error(code(on).real(), held).sum())
            for on, held, windows in splits
        )

    least, best = error(lambda on: nearest), 0.0
    for damping in DAMPINGS:
        other = error(partial(found, damping=damping, effort=effort.quick()))
        if other < least:
            least, best = other, damping
    if best == 0.0:
        return nearest
    return found(sums.whole.moments(weights, centred), damping=best, effort=effort)
