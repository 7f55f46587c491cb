"""PWLQ: two linear pieces of equal bits, a fine centre |w| <= p and a coarse tail up to m = max|w|.

    n = 2^(b-1) - 1;  centre: g * s1, s1 = p / n;  tail: p + g * s2, s2 = (m - p) / n;  g = 0..n
    code = {sign, tail, g}: b bits are multiplied, b + 1 are stored

g is rint of the position in steps, ties to even; |w| = p belongs to the centre; a weight that
becomes 0 is +0. grid `reference` is the one of the authors' code: centre step 2p / (2^b - 1),
|w| = p in the tail, and then p = (n + 1/2) s1, which needs the third term of the epilogue.

Source: Fang et al. 2020 and the authors' code for the reference grid and the search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.codes import PWLQ
from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, check_weights
from npusim.quant.encoders.breakpoint import expected_breakpoint, sample_deviation
from npusim.quant.encoders.search import Problem
from npusim.quant.encoders.uniform import least_error_scale
from npusim.words import Breakpoint, Grid

LEAST_STEP = float(np.finfo(np.float64).tiny)
"""A channel whose steps would be subnormal counts as zero."""
SEARCH_STEPS = (0.1, 0.01, 0.001)


@kernel
def piecewise_error(
    w: NDArray, p: float, largest: float, centre_step: float, n: int, closed: bool
) -> float:
    """Return the squared error of both pieces over `w` [K] for the breakpoint `p`."""
    tail_step = (largest - p) / n
    total = 0.0
    for i in range(len(w)):
        a = abs(w[i])
        if a < p or (closed and a == p):
            q = min(np.rint(a / centre_step), n) * centre_step
        elif tail_step > 0:
            q = p + min(np.rint((a - p) / tail_step), n) * tail_step
        else:
            q = p
        d = a - q
        total += d * d
    return total


def centre_step(p: float, n: int, grid: Grid) -> float:
    """Return the step of the centre for the breakpoint `p`."""
    return p / n if grid == "paper" else 2 * p / (2 * n + 1)


def searched_breakpoint(w: NDArray[np.float64], bits: int, grid: Grid) -> float:
    """Return the p of least squared error: ratios p/m in steps of .1, then .01, then .001.

    The Gaussian form's p and the clipping point of the best uniform grid of the same bits are
    candidates too, so that the search is never worse than either. The first of equals wins.
    """
    n = (1 << (bits - 1)) - 1
    largest = float(np.abs(w).max())
    closed = grid == "paper"

    def error(p: float) -> float:
        return piecewise_error(w, p, largest, centre_step(p, n, grid), n, closed)

    candidates = [
        expected_breakpoint(largest, sample_deviation(w), "gaussian"),
        min(n * least_error_scale(w, -n, n), largest),
    ]
    best_error, best = min((error(p), i, p) for i, p in enumerate(candidates))[::2]
    ratio = 0.5
    for step in SEARCH_STEPS:
        ratios = (
            [i * step for i in range(1, 10)]
            if step == SEARCH_STEPS[0]
            else [ratio + i * step for i in range(-10, 11)]
        )
        stage_error, stage = min(
            (error(largest * r), r) for r in ratios if 0 < r < 1 and largest * r > 0
        )
        ratio = stage
        if stage_error < best_error:
            best_error, best = stage_error, largest * stage
    return best


def codes_of(
    w: NDArray[np.float64], p: float, steps: tuple[float, float], bits: int, closed: bool
) -> NDArray[np.int64]:
    """Return the nearest codes of `w` [K] for `steps` of centre and tail; `closed`: p is centre."""
    (s1, s2), n = steps, (1 << (bits - 1)) - 1
    size = np.abs(w)
    tail = size > p if closed else size >= p
    centre_g = np.minimum(np.rint(size / s1), n)
    tail_g = np.minimum(np.rint((size - p) / s2), n) if s2 > 0 else np.zeros_like(size)
    g = np.where(tail, tail_g, centre_g).astype(np.int64)
    sign = (w < 0) & (tail | (g > 0))
    return sign.astype(np.int64) << bits | tail.astype(np.int64) << (bits - 1) | g


def encode(
    weights: NDArray[np.float64],
    bits: int,
    *,
    breakpoint: Breakpoint = "gaussian",
    grid: Grid = "paper",
) -> CodedWeights:
    """Return piecewise linear codes of `weights` float64 [OC K], per output channel, 2..8 bits.

    Raises
    ------
    RangeError
        Bits outside 2..8, or weights that are not finite.
    """
    check_weights(weights, bits, 2, 8, "pwlq")
    n = (1 << (bits - 1)) - 1
    channels = len(weights)
    codes = np.zeros(weights.shape, PWLQ.dtype(bits))
    scales = np.zeros((2 if grid == "paper" else 3, channels))
    for c, w in enumerate(weights):
        largest = float(np.abs(w).max(initial=0.0))
        if largest / (2 * n) < LEAST_STEP:
            continue
        if breakpoint == "search":
            p = searched_breakpoint(w, bits, grid)
        else:
            p = expected_breakpoint(largest, sample_deviation(w), breakpoint)
        s1, s2 = centre_step(p, n, grid), (largest - p) / n
        codes[c] = codes_of(w, p, (s1, s2), bits, grid == "paper")
        scales[:2, c] = s1, s2
        if grid == "reference":
            scales[2, c] = p - n * s1
    return CodedWeights(
        scheme="pwlq",
        bits=bits,
        codes=codes,
        points=np.ones(channels, np.int64),
        magnitudes=np.zeros(0, np.int64),
        scales=scales,
        channel_shift=np.zeros(channels, np.int64),
    )


BREAKPOINT_SHARES = (0.25, 0.4, 0.55)
"""Breakpoints as shares of the range that the fitted encoder begins with, besides the chosen."""


def fitted(problem: Problem, bits: int, *, breakpoint: Breakpoint, grid: Grid) -> CodedWeights:
    """Return piecewise linear codes fitted to the problem's targets.

    Region and magnitude of each weight and the scales of both pieces are found together, from the
    breakpoint of `breakpoint` and from fixed shares of the range.
    """
    base = encode(problem.targets, bits, breakpoint=breakpoint, grid=grid)
    n = (1 << (bits - 1)) - 1
    largest = np.abs(problem.targets).max(axis=1, initial=0.0)
    starts = np.zeros((len(BREAKPOINT_SHARES), *base.scales.shape))
    for start, share in zip(starts, BREAKPOINT_SHARES, strict=True):
        p = largest * share
        start[0], start[1] = centre_step(1.0, n, grid) * p, (largest - p) / n
        if grid == "reference":
            start[2] = p - n * start[0]
    return problem.improve(base, extra_starts=starts)[0]
