"""One scale for a layer, and a power of two a channel: both of least output error.

In turns: the shift of each channel among its present one and its neighbours, with the codes that
each of them gives; then the scale, from least squares over all channels,
s = sum z' H w 2^-n / sum z' H z 4^-n. Several scales are tried to begin with.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights
from npusim.quant.encoders.choose import SAME_SCALE, dot, gradient
from npusim.quant.encoders.search import Problem

LARGEST_SHIFT = 15


def fit_shared(
    problem: Problem, coded: CodedWeights, cap: NDArray[np.int64] | None
) -> CodedWeights:
    """Return `coded` with codes, scale and shifts of less output error.

    `cap` int64 [OC] is the largest shift of each channel; where it is 0 there is none to choose.
    """
    most = np.full(coded.channels, LARGEST_SHIFT) if cap is None else cap
    best, best_error = coded, float(problem.errors(coded.real()).sum())
    for share in problem.effort.starts:
        found = replace(coded, scales=coded.scales * share)
        for _ in range(problem.effort.rounds):
            found, errors = _shifted(problem, found, most)
            if float(errors.sum()) < best_error:
                best, best_error = found, float(errors.sum())
            factor = _refit(problem, found)
            found = replace(found, scales=found.scales * factor)
            if not factor > 0 or abs(factor - 1) < SAME_SCALE:
                break
            error = float(problem.errors(found.real()).sum())
            if error < best_error:
                best, best_error = found, error
    return best


def _shifted(
    problem: Problem, coded: CodedWeights, most: NDArray[np.int64]
) -> tuple[CodedWeights, NDArray[np.float64]]:
    """Return the codes of the best of three shifts for each channel."""
    best, errors = problem.improve(coded, held=True)
    codes, scales, shifts = best.codes.copy(), best.scales.copy(), best.channel_shift.copy()
    for step in (1, -1) if most.any() else ():
        moved = np.clip(coded.channel_shift + step, 0, most)
        change = np.ldexp(1.0, coded.channel_shift - moved)
        other, other_errors = problem.improve(
            replace(coded, scales=coded.scales * change, channel_shift=moved), held=True
        )
        better = other_errors < errors
        codes[better], scales[:, better] = other.codes[better], other.scales[:, better]
        shifts[better], errors[better] = moved[better], other_errors[better]
    return replace(best, codes=codes, scales=scales, channel_shift=shifts), errors


def _refit(problem: Problem, coded: CodedWeights) -> float:
    """Return what to multiply the shared scale by; 0 where no code is left."""
    spaces = problem.spaces
    along, norm = project(problem.targets, coded.real(), spaces.order, spaces.h, problem.space_of)
    return along / norm if norm > 0 and along > 0 else 0.0


@kernel
def project(
    targets: NDArray, real: NDArray, order: NDArray, h: NDArray, space_of: NDArray
) -> tuple[float, float]:
    """Return the sums of z' H w and z' H z over channels, z of `real` and w of `targets` [C K]."""
    taps = real.shape[1]
    w, z, pulled, none = np.zeros(taps), np.zeros(taps), np.zeros(taps), np.zeros(taps)
    along, norm = 0.0, 0.0
    for c in range(len(real)):
        s = space_of[c]
        for k in range(taps):
            w[k], z[k] = targets[c, order[s, k]], real[c, order[s, k]]
        gradient(h[s], none, z, pulled)
        norm += dot(z, pulled)
        along += dot(w, pulled)
    return along, norm
