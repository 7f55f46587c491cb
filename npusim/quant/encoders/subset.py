"""Subset quantization: each layer picks 2^(b-1) of 15 magnitudes, sums of two powers of two.

    w ~ alpha_c * sign * magnitudes[index],  magnitudes a subset of {0,1,2,3,4,6,8,9,12,16,...,32}

Every subset is tried. For one of them, |w| / max|w| is assigned to the nearest alpha * q / 32 (ties
to the smaller) and alpha = <q, w> / <q, q>, in turns from alpha = 1, until alpha changes by less
than 1e-5 or after 1000 rounds. The least squared error over the layer wins; errors that differ by
less than 1e-9 are equal and the subset that is smaller in lexicographic order wins. A subset whose
integers have a common divisor is written in its smallest integers. Then each output channel gets
the least-squares scale of its codes.

Sorted weights and their prefix sums make one round of one subset a handful of binary searches
instead of a pass over the layer: `search_plain` is the direct form and its witness.

`normalize="channel"` divides each live channel by its root mean square before the shared search,
and then takes assignment and scale in turns for each channel on its own. The channel's last scale
weighs the sum of its errors, too: see `RECTIFIED`. The paper fine-tunes the network block by block
afterwards; npusim does not.

Source: Oh et al. 2022 and the authors' code; normalization by channel is npusim's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import gcd, pi

import numpy as np
from numpy.typing import NDArray

from npusim.codes.subset import UNIVERSAL_MAGNITUDES
from npusim.datapath.jit import kernel
from npusim.quant.coded import CodedWeights, check_weights, live_channels
from npusim.quant.encoders.weight_equalizing_shift import equalizing_shifts
from npusim.words import Normalize

UNIT = 32.0
"""The paper's magnitudes are these integers over 32."""
TOLERANCE = 1e-5
MOST_ROUNDS = 1000
EQUAL_ERRORS = 1e-9
RECTIFIED = 1 / (pi - 1)
"""Squared mean over variance of a rectified Gaussian: E[x] = 1 / sqrt(2 pi), E[x^2] = 1 / 2.

A channel's weight errors e turn such operands x, independent of each other, into an output error of
mean square var(x) * (sum e^2 + RECTIFIED * (sum e)^2). Where no set of magnitudes holds 0, as most
do not, the second part is the larger one.
"""
LOG2_MAGNITUDES = (0, 1, 2, 4, 8, 16, 32)
"""One power of two per weight: what a PE with a single shifter multiplies by."""


def candidates(
    bits: int, include_zero: bool = False, universe: tuple[int, ...] = UNIVERSAL_MAGNITUDES
) -> NDArray[np.float64]:
    """Return every subset float64 [S 2^(bits-1)] in units of 1/32, lexicographic order."""
    every: Iterator[tuple[int, ...]] = combinations(universe, 1 << (bits - 1))
    chosen = [subset for subset in every if not include_zero or subset[0] == 0]
    return np.array(chosen, np.float64) / UNIT


@kernel
def fit_subset(grid: NDArray, sizes: NDArray, sums: NDArray, squares: float) -> tuple[float, float]:
    """Return (alpha, squared error) of `grid` [M] ascending for `sizes` [N] ascending.

    `sums` [N + 1] are the prefix sums of `sizes`, `squares` the sum of their squares.
    """
    levels, count = len(grid), len(sizes)
    alpha, inner, norm = 1.0, 0.0, 0.0
    for _ in range(MOST_ROUNDS):
        inner, norm = 0.0, 0.0
        start = 0
        for i in range(levels):
            end = count
            if i + 1 < levels:
                end = np.searchsorted(sizes, alpha * (grid[i] + grid[i + 1]) * 0.5, side="right")
                end = max(end, start)
            inner += grid[i] * (sums[end] - sums[start])
            norm += grid[i] * grid[i] * (end - start)
            start = end
        if norm == 0.0:
            return 0.0, squares
        last = alpha
        alpha = inner / norm
        if abs(alpha - last) < TOLERANCE:
            break
    return alpha, squares - 2 * alpha * inner + alpha * alpha * norm


@kernel
def fit_all(grids: NDArray, sizes: NDArray, sums: NDArray, squares: float, fits: NDArray) -> None:
    """Write (alpha, squared error) of each subset [S M] to `fits` [S 2]."""
    for s in range(len(grids)):
        fits[s, 0], fits[s, 1] = fit_subset(grids[s], sizes, sums, squares)


def fit_plain(grid: NDArray[np.float64], sizes: NDArray[np.float64]) -> tuple[float, float]:
    """Return (alpha, squared error) of one subset by passes over all the weights: the witness."""
    alpha, chosen = 1.0, np.zeros_like(sizes)
    for _ in range(MOST_ROUNDS):
        chosen = grid[nearest(grid, alpha, sizes)]
        norm = float((chosen * chosen).sum())
        if norm == 0:
            return 0.0, float((sizes * sizes).sum())
        last = alpha
        alpha = float((chosen * sizes).sum()) / norm
        if abs(alpha - last) < TOLERANCE:
            break
    return alpha, float(((sizes - alpha * chosen) ** 2).sum())


def nearest(
    grid: NDArray[np.float64], alpha: float, sizes: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the index of the nearest alpha * grid for each size; a tie goes to the smaller."""
    return np.searchsorted(alpha * (grid[:-1] + grid[1:]) * 0.5, sizes, side="left")


def least(fits: NDArray[np.float64]) -> int:
    """Return the first subset of `fits` [S 2] whose error none undercuts by more than 1e-9."""
    best = 0
    for s in range(1, len(fits)):
        if fits[s, 1] < fits[best, 1] * (1 - EQUAL_ERRORS):
            best = s
    return best


def search(
    sizes: NDArray[np.float64],
    bits: int,
    include_zero: bool = False,
    universe: tuple[int, ...] = UNIVERSAL_MAGNITUDES,
) -> tuple[tuple[int, ...], float, float]:
    """Return (subset, alpha, squared error) for sizes float64 [N] in 0..1.

    The subset is integers, ascending, in their smallest form; a weight's size is near
    alpha * integer / 32.
    """
    grids = candidates(bits, include_zero, universe)
    ordered = np.sort(sizes)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    fits = np.empty((len(grids), 2))
    fit_all(grids, ordered, sums, float((ordered * ordered).sum()), fits)
    return smallest_form(grids[least(fits)], *fits[least(fits)])


def search_plain(
    sizes: NDArray[np.float64], bits: int, include_zero: bool = False
) -> tuple[tuple[int, ...], float, float]:
    """Return what `search` returns, by the direct form (slow)."""
    grids = candidates(bits, include_zero)
    fits = np.array([fit_plain(grid, sizes) for grid in grids])
    return smallest_form(grids[least(fits)], *fits[least(fits)])


def smallest_form(
    grid: NDArray[np.float64], alpha: float, error: float
) -> tuple[tuple[int, ...], float, float]:
    """Return a subset as the smallest integers, its scale, error."""
    integers = tuple(int(q) for q in grid * UNIT)
    divisor = gcd(*integers)
    reduced = tuple(q // divisor for q in integers)
    if divisor > 1 and set(reduced) <= set(UNIVERSAL_MAGNITUDES):
        return reduced, float(alpha) * divisor, float(error)
    return integers, float(alpha), float(error)


def _own_assignment(
    grid: NDArray[np.float64], alpha: float, sizes: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return a channel's indices, assignment and scale taken in turns from the layer's alpha."""
    index = nearest(grid, alpha, sizes)
    for _ in range(MOST_ROUNDS):
        chosen = grid[index]
        norm = float((chosen * chosen).sum())
        if norm == 0:
            break
        alpha = float((chosen * sizes).sum()) / norm
        again = nearest(grid, alpha, sizes)
        if np.array_equal(again, index):
            break
        index = again
    return index


def least_scales(
    levels: NDArray[np.float64], weights: NDArray[np.float64], mean_power: float
) -> NDArray[np.float64]:
    """Return the scale s [OC] of least sum e^2 + mean_power * (sum e)^2, e = weights - s * levels.

    `levels`, `weights`: float64 [OC K] of equal signs. Where that scale is not positive (the errors
    of both signs outweigh the codes) and for `mean_power` 0 it is the least-squares scale; 0 for a
    channel whose levels are all 0.
    """
    plain_norm = (levels * levels).sum(axis=1)
    plain = (levels * weights).sum(axis=1)
    norm = plain_norm + mean_power * levels.sum(axis=1) ** 2
    inner = plain + mean_power * levels.sum(axis=1) * weights.sum(axis=1)
    norm, inner = np.where(inner > 0, norm, plain_norm), np.where(inner > 0, inner, plain)
    return np.where(norm > 0, inner / np.where(norm > 0, norm, 1.0), 0.0)


def encode(
    weights: NDArray[np.float64],
    bits: int,
    *,
    include_zero: bool = False,
    normalize: Normalize = "none",
    equalize: bool = False,
    log2: bool = False,
    cap: NDArray[np.int64] | None = None,
    magnitudes: tuple[int, ...] | None = None,
) -> CodedWeights:
    """Return subset codes of `weights` float64 [OC K] at 2, 3 or 4 bits.

    Parameters
    ----------
    include_zero
        Only subsets that hold 0.
    normalize
        `channel` divides each channel by its root mean square before the shared search.
    equalize
        Compose with the shift-scaler: channels are multiplied by 2^n_c before the search and keep
        one scale for the layer, so the epilogue needs a shift per channel and no multiplier.
    log2
        Only powers of two (and 0): `LOG2_MAGNITUDES`.
    cap : int64 [OC]
        With `equalize`, the largest n_c that the epilogue has room for.
    magnitudes
        The layer's subset, ascending, in place of the search.

    Raises
    ------
    RangeError
        Bits outside 2..4 (there are 15 magnitudes), or weights that are not finite.
    """
    check_weights(weights, bits, 2, 3 if log2 else 4, "subset")
    channels = len(weights)
    shifts = equalizing_shifts(weights) if equalize else np.zeros(channels, np.int64)
    if cap is not None:
        shifts = np.minimum(shifts, cap)
    scaled = np.ldexp(weights, shifts[:, None])
    if normalize == "channel":
        power = np.sqrt((scaled * scaled).sum(axis=1) / max(1, weights.shape[1]))
        scaled = scaled / np.where(power > 0, power, 1.0)[:, None]
    top = float(np.abs(scaled).max(initial=0.0))
    sizes = np.abs(scaled) / (top if top > 0 else 1.0)
    live: NDArray[np.bool_] = np.asarray(sizes.any(axis=1))
    searched = live_channels(weights) if normalize == "channel" else live
    if magnitudes is None:
        universe = LOG2_MAGNITUDES if log2 else UNIVERSAL_MAGNITUDES
        magnitudes, alpha, _ = search(sizes[searched].ravel(), bits, include_zero, universe)
    else:
        ordered = np.sort(sizes[searched].ravel())
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        grid = np.array(magnitudes, np.float64) / UNIT
        alpha = fit_subset(grid, ordered, sums, float((ordered * ordered).sum()))[0]
    levels = np.array(magnitudes, np.float64)
    if normalize == "channel" and not equalize:
        index = np.stack([_own_assignment(levels / UNIT, alpha, row) for row in sizes])
    else:
        index = nearest(levels / UNIT, alpha, sizes)
    chosen = levels[index]
    negative = (weights < 0) & (chosen > 0)
    codes = np.where(live[:, None], negative.astype(np.int64) << (bits - 1) | index, 0)
    if equalize:
        scales = np.where(live, np.ldexp(alpha / UNIT * top, -shifts), 0.0)
    else:
        signed = np.where(weights < 0, -chosen, chosen)
        scales = least_scales(signed, weights, RECTIFIED if normalize == "channel" else 0.0)
        scales = np.where(live, scales, 0.0)
    return CodedWeights(
        scheme="subset",
        bits=bits,
        codes=codes.astype(np.uint8),
        points=np.ones(channels, np.int64),
        magnitudes=np.array(magnitudes, np.int64),
        scales=scales[None],
        channel_shift=shifts,
    )
