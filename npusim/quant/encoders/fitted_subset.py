"""Subset codes fitted to a layer's operands: which magnitudes, and then codes and scales.

A set is judged by what error feedback will leave: it rounds weight k of a channel to the
nearest level of a goal that lies about the target, and of the rounding error d_k its output keeps
L_kk^2 d_k^2 (H = L L', see `choose`). With the targets in place of the goals that is a weighted
squared error of sorted weights, which prefix sums give in a few binary searches. The sets of least
such error, found by exchanging one magnitude after the other from several beginnings, are then
judged by coding some channels in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.codes.subset import UNIVERSAL_MAGNITUDES
from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, live_channels
from npusim.quant.encoders.search import Problem
from npusim.quant.encoders.shared_scale import fit_shared
from npusim.quant.encoders.subset import (
    LOG2_MAGNITUDES,
    UNIT,
    encode,
    smallest_form,
)

JUDGES = 24
"""Channels, evenly spaced, that a set is judged by."""
FINALISTS = 8
STARTS = (1.0, 0.8, 0.6)
"""Scales to begin with, as shares of the one at which the largest magnitude is the range."""
ROUNDS = 6


@kernel
def set_errors(
    grids: NDArray, sizes: NDArray, left: NDArray, starts: NDArray, total: NDArray
) -> None:
    """Add to `total` [S] the error of each set [S M] for one channel's `sizes` [K], ascending.

    `left` [K] weighs the squared errors; scales and codes are found in turns from each of `starts`.
    """
    count, levels = len(sizes), grids.shape[1]
    norm_to, inner_to = np.zeros(count + 1), np.zeros(count + 1)
    squares = 0.0
    for k in range(count):
        norm_to[k + 1] = norm_to[k] + left[k]
        inner_to[k + 1] = inner_to[k] + left[k] * sizes[k]
        squares += left[k] * sizes[k] * sizes[k]
    for s in range(len(grids)):
        grid = grids[s]
        best = squares
        for share in starts:
            scale = share * sizes[count - 1] / grid[levels - 1]
            for _ in range(ROUNDS):
                inner, norm = 0.0, 0.0
                start = 0
                for i in range(levels):
                    end = count
                    if i + 1 < levels:
                        middle = scale * (grid[i] + grid[i + 1]) * 0.5
                        end = max(start, np.searchsorted(sizes, middle, side="right"))
                    inner += grid[i] * (inner_to[end] - inner_to[start])
                    norm += grid[i] * grid[i] * (norm_to[end] - norm_to[start])
                    start = end
                if norm <= 0.0:
                    break
                best = min(best, squares - inner * inner / norm)
                last = scale
                scale = inner / norm
                if abs(scale - last) < 1e-3 * last:
                    break
        total[s] += best


def judged(problem: Problem, grids: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error [S] that each set of `grids` [S M] leaves in the problem's channels."""
    total = np.zeros(len(grids))
    for target, space in zip(problem.targets, problem.space_of, strict=True):
        sizes = np.abs(target)[problem.spaces.order[space]]
        order = np.argsort(sizes, kind="stable")
        left = problem.spaces.left[space][order]
        set_errors(grids, sizes[order], left, np.array(STARTS), total)
    return total


def searched(
    problem: Problem, levels: int, universe: tuple[int, ...], include_zero: bool
) -> list[tuple[int, ...]]:
    """Return sets of `levels` members of `universe`, the one of least error first.

    From each beginning the best exchange of one member is taken until none is better.
    """
    known: dict[tuple[int, ...], float] = {}

    def judge(sets: Iterable[tuple[int, ...]]) -> None:
        new = [one for one in dict.fromkeys(sets) if one not in known]
        if new:
            errors = judged(problem, np.array(new, np.float64) / UNIT)
            known.update(zip(new, errors.tolist(), strict=True))

    last = len(universe) - 1
    beginnings = (
        np.rint(np.linspace(0, last, levels)).astype(int).tolist(),
        range(levels),
        (0, *range(last - levels + 2, last + 1)),
    )
    for places in beginnings:
        best, before = tuple(universe[i] for i in places), None
        judge([best])
        while best != before:
            before = best
            others = [
                tuple(sorted({*best, new} - {old}))
                for old in best[include_zero:]
                for new in universe
                if new not in best
            ]
            judge(others)
            best = min([best, *others], key=lambda one: known[one])
    return sorted(known, key=lambda one: known[one])


def fitted(
    problem: Problem,
    bits: int,
    *,
    include_zero: bool = False,
    equalize: bool = False,
    log2: bool = False,
    cap: NDArray[np.int64] | None = None,
) -> CodedWeights:
    """Return subset codes fitted to the problem's targets; set, codes and scales by output error.

    The settings are those of `subset.encode`.
    """
    live = np.flatnonzero(live_channels(problem.targets))
    judges = problem.part(live[:: max(1, -(-len(live) // JUDGES))])
    universe = LOG2_MAGNITUDES if log2 else UNIVERSAL_MAGNITUDES
    sets = searched(judges, 1 << (bits - 1), universe, include_zero)
    sets = sets[: FINALISTS if problem.effort.joint else 1]
    quick = replace(judges, effort=problem.effort.quick())

    def error(chosen: tuple[int, ...]) -> float:
        coded = encode(quick.targets, bits, normalize="channel", magnitudes=chosen)
        return float(quick.improve(coded)[1].sum())

    best = min(sets, key=error) if len(sets) > 1 else sets[0]
    best = smallest_form(np.array(best, np.float64) / UNIT, 1.0, 0.0)[0]
    base = encode(
        problem.targets, bits, normalize="none" if equalize else "channel", equalize=equalize,
        log2=log2, cap=cap, magnitudes=best,
    )  # fmt: skip
    return fit_shared(problem, base, cap) if equalize else problem.improve(base)[0]
