"""Lut quantization: each layer picks 2^b integers of 8 bits, each channel a scale.

    w ~ alpha_c * levels[index],  levels any integers of -128..127, ascending

Channels are divided by their root mean square; the levels that leave the least squared error of all
of them are found exactly over bins of values (k-means of one dimension by dynamic programming).
Rounded to integers, levels and then scales are refined in turns: each channel's weights go to the
nearest level and its scale is fitted, until nothing moves; then each level is the mean of what went
to it. The least error seen wins.

Source: codebooks of shared weights are Han et al. 2016, section 3; exact k-means of one dimension
is Wang and Song 2011. That a layer shares integers and a channel has a scale is npusim's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.codes.lut import MOST_LEVEL
from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, check_weights, live_channels

BINS = 256
"""Of equal width; the turns behind them take each weight as it is."""
LEAST_TOP = 64
"""The greatest level is one of LEAST_TOP..127: the one at which rounding moves levels least."""
TURNS = 12
MOST_ROUNDS = 100


@kernel
def cluster(mass: NDArray, first: NDArray, second: NDArray, means: NDArray) -> None:
    """Write the `means` [M] of least squared error, ascending, for bins in order of their value.

    `mass`, `first` and `second` [B]: of each bin the weight, the weighted sum and the sum of
    squares. Where there are fewer bins than means, the last mean is repeated.
    """
    bins, count = len(mass), min(len(means), len(mass))
    to = np.zeros((3, bins + 1))
    for b in range(bins):
        to[0, b + 1], to[1, b + 1] = to[0, b] + mass[b], to[1, b] + first[b]
        to[2, b + 1] = to[2, b] + second[b]
    least = np.full((count + 1, bins + 1), np.inf)
    begin = np.zeros((count + 1, bins + 1), np.int64)
    least[0, 0] = 0.0
    for m in range(1, count + 1):
        for end in range(m, bins + 1):
            for start in range(m - 1, end):
                weight, total = to[0, end] - to[0, start], to[1, end] - to[1, start]
                error = least[m - 1, start] + (to[2, end] - to[2, start])
                error -= total * total / weight
                if error < least[m, end]:
                    least[m, end], begin[m, end] = error, start
    end = bins
    for m in range(count, 0, -1):
        start = begin[m, end]
        means[m - 1] = (to[1, end] - to[1, start]) / (to[0, end] - to[0, start])
        end = start
    for m in range(count, len(means)):
        means[m] = means[count - 1]


@kernel
def fill_bins(values: NDArray, weights: NDArray, sums: NDArray) -> None:
    """Add `values` [N] of `weights` [N] to the `sums` [3 BINS] of mass, value and square."""
    low, high = values[0], values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
    width = (high - low) / sums.shape[1]
    for i in range(len(values)):
        place = 0
        if width > 0.0:
            place = min(sums.shape[1] - 1, int((values[i] - low) / width))
        sums[0, place] += weights[i]
        sums[1, place] += weights[i] * values[i]
        sums[2, place] += weights[i] * values[i] * values[i]


def means_of(
    values: NDArray[np.float64], weights: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Return `count` levels, ascending, of least error for `values` [N] with `weights` [N] > 0."""
    sums, means = np.zeros((3, BINS)), np.zeros(count)
    if len(values):
        fill_bins(values, weights, sums)
        cluster(*np.ascontiguousarray(sums[:, sums[0] > 0]), means)
    return means


def integer_levels(
    means: NDArray[np.float64], mass: NDArray[np.float64]
) -> tuple[NDArray[np.int64], float]:
    """Return integers [M] in the proportions of `means`, and what a unit of them is worth.

    `mass` [M] weighs the errors of rounding.
    """
    top = float(np.abs(means).max(initial=0.0))
    best, unit, least = np.zeros(len(means)), 1.0, np.inf
    for greatest in range(MOST_LEVEL, LEAST_TOP - 1, -1) if top > 0 else ():
        rounded = np.rint(means / top * greatest)
        error = 0.0
        for m, mean, whole in zip(mass, means, rounded, strict=True):
            error += m * (mean - whole * (top / greatest)) ** 2
        if error < least:
            best, unit, least = rounded, top / greatest, error
    return best.astype(np.int64), unit


def with_means(
    coded: CodedWeights, means: NDArray[np.float64], mass: NDArray[np.float64]
) -> CodedWeights:
    """Return `coded` with its levels replaced by `means` [M], rounded, in ascending order."""
    levels, unit = integer_levels(means, mass)
    order = np.argsort(levels, kind="stable")
    place = np.empty(len(order), np.uint8)
    place[order] = np.arange(len(order))
    return replace(
        coded, codes=place[coded.codes], magnitudes=levels[order], scales=coded.scales * unit
    )


@kernel
def assign(
    weights: NDArray, levels: NDArray, scales: NDArray, index: NDArray, errors: NDArray
) -> None:
    """Write `index` [C K] of the nearest level of each weight [C K], scales and `errors` [C].

    `scales` [C] on entry are those to begin with; each channel's codes and scale in turns.
    """
    channels, taps = weights.shape
    for c in range(channels):
        for _ in range(MOST_ROUNDS):
            inner, norm, moved = 0.0, 0.0, False
            for k in range(taps):
                low, high = 0, len(levels) - 1
                while low < high:
                    middle = (low + high) // 2
                    if weights[c, k] > 0.5 * scales[c] * (levels[middle] + levels[middle + 1]):
                        low = middle + 1
                    else:
                        high = middle
                moved = moved or index[c, k] != low
                index[c, k] = low
                inner += levels[low] * weights[c, k]
                norm += levels[low] * levels[low]
            if not moved or not (norm > 0.0 and inner > 0.0):
                break
            scales[c] = inner / norm
        errors[c] = 0.0
        for k in range(taps):
            error = weights[c, k] - scales[c] * levels[index[c, k]]
            errors[c] += error * error


@kernel
def level_sums(
    weights: NDArray, scales: NDArray, index: NDArray, along: NDArray, norm: NDArray
) -> None:
    """Write sum alpha w to `along` [M] and sum alpha^2 to `norm` [M] over what went to a level."""
    along[:], norm[:] = 0.0, 0.0
    for c in range(len(weights)):
        for k in range(weights.shape[1]):
            along[index[c, k]] += scales[c] * weights[c, k]
            norm[index[c, k]] += scales[c] * scales[c]


def root_mean_squares(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square [OC] of each channel's weights [OC K]."""
    return np.sqrt((weights * weights).sum(axis=1) / max(1, weights.shape[1]))


def with_levels(
    weights: NDArray[np.float64], bits: int, levels: NDArray[np.int64]
) -> tuple[CodedWeights, NDArray[np.float64]]:
    """Return lut codes of `weights` [OC K] in `levels` [2^bits], and the squared errors [OC]."""
    size = root_mean_squares(weights)
    real = levels.astype(np.float64)
    spread = float(np.sqrt((real * real).sum() / len(real)))
    scales = size / (spread if spread > 0 else 1.0)
    index = np.zeros(weights.shape, np.int64)
    errors = np.zeros(len(weights))
    assign(np.ascontiguousarray(weights), real, scales, index, errors)
    live = size > 0
    coded = CodedWeights(
        scheme="lut",
        bits=bits,
        codes=np.where(live[:, None], index, 0).astype(np.uint8),
        points=np.ones(len(weights), np.int64),
        magnitudes=levels,
        scales=np.where(live, scales, 0.0)[None],
        channel_shift=np.zeros(len(weights), np.int64),
    )
    return coded, errors


def encode(
    weights: NDArray[np.float64], bits: int, *, levels: NDArray[np.int64] | None = None
) -> CodedWeights:
    """Return lut codes of `weights` float64 [OC K] at 2, 3 or 4 bits.

    Parameters
    ----------
    levels : int64 [2^bits]
        The layer's levels, ascending, in place of the search.

    Raises
    ------
    RangeError
        Bits outside 2..4, or weights that are not finite.
    """
    check_weights(weights, bits, 2, 4, "lut")
    if levels is not None:
        return with_levels(weights, bits, levels)[0]
    live = live_channels(weights)
    size = root_mean_squares(weights[live])[:, None]
    share = weights[live] / np.where(size > 0, size, 1.0)
    mass = np.broadcast_to(np.where(size > 0, size * size, 1.0), share.shape)
    means = means_of(share.ravel(), mass.ravel(), 1 << bits)
    levels, _ = integer_levels(means, np.ones(len(means)))
    best, errors = with_levels(weights, bits, levels)
    least = float(errors.sum())
    found = best
    for _ in range(TURNS):
        along, norm = np.zeros(len(levels)), np.zeros(len(levels))
        level_sums(weights, found.scales[0], found.codes.astype(np.int64), along, norm)
        used = norm > 0
        means = np.where(used, along / np.where(used, norm, 1.0), found.magnitudes)
        levels, _ = integer_levels(means, norm)
        found, errors = with_levels(weights, bits, np.sort(levels))
        if not float(errors.sum()) < least:
            break
        best, least = found, float(errors.sum())
    return best
