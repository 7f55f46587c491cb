"""One layer fitted to the float network's output, and kept nearest where that is as good.

    targets    w* = argmin |Y w* - X w|^2 + damping |w* - w|^2 = (H + d I)^-1 (E[y x'] w + d w)
    codes      of least (w* - q)' (H + d I) (w* - q)

The damping d is chosen, and the nearest encoder's codes are a candidate, by the output error over
held-out samples; then the codes are found again over all of them.

Source: targets from the quantized predecessors are GPFQ (Lybrand and Saab 2021) and GPTAQ
(Li et al. 2025); the choice by held-out samples is npusim's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim.quant.coded import CodedWeights
from npusim.quant.encoders.factor import add_products, damped, root, solve
from npusim.quant.encoders.search import Effort, Problem, space
from npusim.quant.moments import Moments, MomentSums

DAMPINGS = (0.01, 0.1, 0.5)


def targets(weights: NDArray[np.float64], moments: Moments, damping: float) -> NDArray[np.float64]:
    """Return w* [OC K] for `weights` [OC K]."""
    groups = len(moments.second)
    share = len(weights) // groups
    found = np.empty_like(weights)
    for g in range(groups):
        own = slice(g * share, (g + 1) * share)
        upper = damped(moments.second[g], damping)
        added = upper[0, 0] - moments.second[g][0, 0]
        right = pulled(moments.cross[g], weights[own]).T + added * weights[own].T
        right = np.ascontiguousarray(right)
        root(upper)
        solve(upper, right)
        found[own] = right.T
    return found


def pulled(cross: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cross w for each row of `weights` [C K], as [C K]."""
    total = np.zeros_like(weights)
    turned = np.ascontiguousarray(cross.T)
    add_products(np.ascontiguousarray(weights.T), turned, 0, len(weights), total)
    return total


def held_out_error(
    weights: NDArray[np.float64], real: NDArray[np.float64], moments: Moments
) -> NDArray[np.float64]:
    """Return E[(y q - x w)^2] - E[(x w)^2] [OC] of codes that stand for `real` [OC K]."""
    groups = len(moments.second)
    share = len(weights) // groups
    error = np.empty(len(weights))
    for g in range(groups):
        own = slice(g * share, (g + 1) * share)
        q = real[own]
        error[own] = (q * pulled(moments.second[g], q)).sum(axis=1)
        error[own] -= 2 * (q * pulled(moments.cross[g], weights[own])).sum(axis=1)
    return error


def mean_correction(
    weights: NDArray[np.float64], coded: CodedWeights, sums: MomentSums
) -> NDArray[np.float64]:
    """Return what to add to the bias [OC] so that the mean output is the float network's."""
    moments = sums.moments(False)
    share = len(weights) // len(moments.mean)
    mean, float_mean = (np.repeat(m, share, axis=0) for m in (moments.mean, moments.float_mean))
    return (weights * float_mean - coded.real() * mean).sum(axis=1)


Encode = Callable[[Problem], CodedWeights]
"""A scheme's fitted encoder."""


def fit_layer(
    weights: NDArray[np.float64],
    sums: tuple[MomentSums, MomentSums],
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
        Over the samples to fit on, and over those held out.
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
    on, held = (one.moments(centred) for one in sums)

    groups = len(on.second)
    space_of = np.arange(len(weights)) * groups // len(weights)

    def found(moments: Moments, damping: float, effort: Effort) -> CodedWeights:
        spaces = [space(second, damping) for second in moments.second]
        problem = Problem(
            targets(weights, moments, damping), spaces, space_of,
            effort, threads,
        )  # fmt: skip
        return encode(problem)

    def error(coded: CodedWeights) -> float:
        return float(held_out_error(weights, coded.real(), held).sum())

    least, best = error(nearest), 0.0
    for damping in DAMPINGS:
        other = error(found(on, damping, effort.quick()))
        if other < least:
            least, best = other, damping
    if best == 0.0:
        return nearest
    return found((sums[0] + sums[1]).moments(centred), best, effort)
