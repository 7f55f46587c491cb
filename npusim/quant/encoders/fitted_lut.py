"""Lut codes fitted to a layer's operands: levels, codes and scales by output error.

Levels begin as k-means in which weight k of a channel counts with L_kk^2, what error feedback will
leave of its error (H = L L', see `fitted_subset`). Then in turns: codes and scales for these levels
(`Problem.improve`), and the levels of least output error for these codes: with z_l = 1 where a
weight has level l, they solve

    sum_c s_c^2 Z_c' H Z_c  levels = sum_c s_c Z_c' H w_c

Rounded to integers, levels of less error are kept.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.codes.lut import MOST_LEVEL
from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, live_channels
from npusim.quant.encoders.choose import dot, least_squares
from npusim.quant.encoders.lut import encode, integer_levels, means_of, with_means
from npusim.quant.encoders.search import Problem

JUDGES = 48
"""Channels, evenly spaced, that levels are looked for in."""
JUDGED_TURNS, TURNS, QUICK_TURNS = 4, 8, 2
LEAST_GAIN = 1e-3
"""Turns end when they gain less than this share."""
SPREADS = (1.25, 1.5, 1.75, 2.0)
"""Levels lie at +-t^p, t in equal steps: the larger p, the closer together about 0."""
HOLD = 1e-9
"""Share of the mean diagonal that holds a level where it was: what no weight has stays."""


@kernel
def add_equations(
    targets: NDArray,
    scales: NDArray,
    index: NDArray,
    order: NDArray,
    h: NDArray,
    space_of: NDArray,
    gram: NDArray,
    inner: NDArray,
) -> None:
    """Add to `gram` [M M] and `inner` [M] what levels have to solve for channels [C K]."""
    levels, taps = len(inner), targets.shape[1]
    pulled = np.zeros((levels, taps))
    at, w = np.zeros(taps, np.int64), np.zeros(taps)
    for c in range(len(targets)):
        s, scale = space_of[c], scales[c]
        for k in range(taps):
            at[k], w[k] = index[c, order[s, k]], targets[c, order[s, k]]
        pulled[:] = 0.0
        for j in range(taps):
            row, total = h[s, j], pulled[at[j]]
            for k in range(taps):
                total[k] += row[k]
        for m in range(levels):
            along = 0.0
            for k in range(taps):
                along += pulled[m, k] * w[k]
                gram[m, at[k]] += scale * scale * pulled[m, k]
            inner[m] += scale * along


def refitted(problem: Problem, coded: CodedWeights) -> CodedWeights:
    """Return `coded` with the levels of least output error for its codes."""
    levels, spaces = coded.magnitudes.astype(np.float64), problem.spaces
    gram, inner = np.zeros((len(levels), len(levels))), np.zeros(len(levels))
    add_equations(
        problem.targets, coded.scales[0], coded.codes.astype(np.int64), spaces.order, spaces.h,
        problem.space_of, gram, inner,
    )  # fmt: skip
    hold = HOLD * float(np.diag(gram).sum()) / len(levels)
    solved = np.zeros(len(levels))
    gram, inner = gram + hold * np.eye(len(levels)), inner + hold * levels
    if not (hold > 0 and least_squares(gram, inner, solved)):
        return coded
    return with_means(coded, solved, np.diag(gram).copy())


def in_turns(problem: Problem, coded: CodedWeights, turns: int) -> tuple[CodedWeights, float]:
    """Return `coded` with codes and scales, then levels, refined in turns, and its error."""
    best, errors = problem.improve(coded)
    least = float(errors.sum())
    near = replace(problem, effort=replace(problem.effort, starts=(1.0,)))
    for _ in range(turns):
        found, errors = near.improve(refitted(problem, best))
        if not float(errors.sum()) < least * (1 - LEAST_GAIN):
            break
        best, least = found, float(errors.sum())
    return best, least


def k_means_levels(problem: Problem, count: int) -> NDArray[np.int64]:
    """Return `count` levels by k-means; a weight counts with what is left of its error."""
    values, mass = [np.zeros(0)], [np.zeros(0)]
    for target, space in zip(problem.targets, problem.space_of, strict=True):
        left = problem.spaces.left[space]
        ordered = target[problem.spaces.order[space]]
        power = dot(left * ordered, ordered) / dot(left, np.ones(len(left)))
        if power > 0:
            values.append(ordered / np.sqrt(power))
            mass.append(left * power)
    means = means_of(np.concatenate(values), np.concatenate(mass), count)
    return integer_levels(means, np.ones(count))[0]


def beginnings(problem: Problem, bits: int) -> list[NDArray[np.int64]]:
    """Return levels [2^bits] to begin with: k-means of two kinds, and grids that spread outwards.

    A weight of the second k-means counts as any other.
    """
    count = 1 << bits
    found = [k_means_levels(problem, count), encode(problem.targets, bits).magnitudes]
    for power in SPREADS:
        steps = (np.arange(count) - (count - 1) / 2) / ((count - 1) / 2)
        found.append(np.rint(MOST_LEVEL * np.sign(steps) * np.abs(steps) ** power).astype(np.int64))
    return found


def fitted(problem: Problem, bits: int) -> CodedWeights:
    """Return lut codes fitted to the problem's targets; levels, codes and scales by output error.

    Levels are looked for in some channels, and refined in all. A short look begins with k-means
    alone: which levels are best hardly tells dampings apart.
    """
    live = np.flatnonzero(live_channels(problem.targets))
    chosen = live[:: max(1, -(-len(live) // JUDGES))]
    judges = problem.part(chosen)
    if not problem.effort.joint:
        coded = encode(problem.targets, bits, levels=k_means_levels(judges, 1 << bits))
        return in_turns(problem, coded, QUICK_TURNS)[0]
    quick = replace(judges, effort=judges.effort.quick())
    begun = (encode(quick.targets, bits, levels=one) for one in beginnings(judges, bits))
    ends = [in_turns(quick, one, JUDGED_TURNS) for one in begun]
    best = min(ends, key=lambda end: end[1])[0]
    coded = encode(problem.targets, bits, levels=best.magnitudes)
    coded.codes[chosen], coded.scales[:, chosen] = best.codes, best.scales
    return in_turns(problem, coded, TURNS)[0]
