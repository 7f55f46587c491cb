"""Codes of least output error: one mechanism over the levels that a channel may take.

A channel's weight k is one of the levels v_l = sum_f s_f P[f, l]: P the integers of the scheme's
codes, s the channel's scales. With H the second moments of the layer's operands, weight errors
e = w - q make the output error e' H e. To make it small:

    feedback  weights in falling order of H_kk, each to the level nearest to what would undo the
              errors made so far:  q_k = nearest(w_k + sum_j L_jk / L_kk (w_j - q_j)),  H = L L'
    descent   every weight in turn to the level of least error, the others held:
              q_k = nearest(q_k + (H (w - q))_k / H_kk), until nothing moves
    refit     the scales of least error for these codes, z_f = P[f, codes]:  (z' H z) s = z' H w

in turns, from several starting scales; the least error seen wins. Scales stay at or above 0: the
epilogue's multipliers are unsigned.

Rows and columns of H come in rising order of H_kk, so that `feedback` goes from last to first.
Loops are in one order of summation, a channel at a time: same bytes on any number of threads.

Source: error feedback is OBQ and GPTQ (Frantar et al. 2022) in the form of Babai's nearest plane;
coordinate descent is COMQ (Zhang et al. 2024); the refit is least squares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel

SAME_SCALE = 1e-4
"""Turns end when a refit moves the scales by less than this share."""


@kernel
def sort_levels(planes: NDArray, scales: NDArray, values: NDArray, place: NDArray) -> int:
    """Write the distinct levels, ascending, to `values` and their columns to `place`; return M.

    `planes` [F L], `scales` [F]. Of codes of one value the first is kept.
    """
    forms, codes = planes.shape
    every = np.zeros(codes)
    for f in range(forms):
        for i in range(codes):
            every[i] += scales[f] * planes[f, i]
    order = np.argsort(every, kind="mergesort")
    count = 0
    for i in order:
        if count == 0 or every[i] > values[count - 1]:
            values[count] = every[i]
            place[count] = i
            count += 1
    return count


@kernel
def nearest(values: NDArray, count: int, x: float) -> int:
    """Return the position of the level nearest to `x` among the first `count`; ties go down."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if x > 0.5 * (values[middle] + values[middle + 1]):
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def feed_back(
    w: NDArray, ratios: NDArray, values: NDArray, count: int, goal: NDArray, q: NDArray, at: NDArray
) -> None:
    """Write levels `q` [K] and their positions `at`; `ratios` [K K] hold L_jk / L_kk at [j, k]."""
    goal[:] = w
    for j in range(len(w) - 1, -1, -1):
        i = nearest(values, count, goal[j])
        at[j] = i
        q[j] = values[i]
        error = w[j] - q[j]
        row = ratios[j]
        for k in range(j):
            goal[k] += row[k] * error


@kernel
def gradient(h: NDArray, w: NDArray, q: NDArray, g: NDArray) -> None:
    """Write H (q - w) to `g` [K]."""
    g[:] = 0.0
    for j in range(len(w)):
        error = q[j] - w[j]
        if error != 0.0:
            row = h[j]
            for k in range(len(w)):
                g[k] += row[k] * error


@kernel
def descend(
    h: NDArray, values: NDArray, count: int, sweeps: int, q: NDArray, at: NDArray, g: NDArray
) -> None:
    """Move `q`, `at` and the gradient `g` [K] down, a weight at a time, in at most `sweeps`."""
    for _ in range(sweeps):
        moved = False
        for j in range(len(q) - 1, -1, -1):
            i = nearest(values, count, q[j] - g[j] / h[j, j])
            if i != at[j]:
                step = values[i] - q[j]
                at[j] = i
                q[j] = values[i]
                row = h[j]
                for k in range(len(q)):
                    g[k] += row[k] * step
                moved = True
        if not moved:
            break


@kernel
def dot(a: NDArray, b: NDArray) -> float:
    """Return the sum of products, in order."""
    total = 0.0
    for k in range(len(a)):
        total += a[k] * b[k]
    return total


@kernel
def least_squares(gram: NDArray, inner: NDArray, x: NDArray) -> bool:
    """Write the solution `x` [F] of gram x = inner; False where it is not well determined."""
    size = len(inner)
    a = gram.copy()
    x[:] = inner
    for i in range(size):
        if not a[i, i] > 1e-9 * gram[i, i]:
            return False
        for j in range(i + 1, size):
            factor = a[j, i] / a[i, i]
            for k in range(i, size):
                a[j, k] -= factor * a[i, k]
            x[j] -= factor * x[i]
    for i in range(size - 1, -1, -1):
        for j in range(i + 1, size):
            x[i] -= a[i, j] * x[j]
        x[i] /= a[i, i]
    return True


@kernel
def refit(
    h: NDArray, pulled: NDArray, planes: NDArray, columns: NDArray, scales: NDArray, g: NDArray
) -> bool:
    """Replace `scales` [F] by those of least error for the chosen `columns` [K] of `planes` [F L].

    `pulled` is H w [K], `g` the gradient at the present scales. All scales are fitted together;
    where that turns one negative they keep their proportions. False where nothing can be fitted.
    """
    forms, taps = len(planes), len(columns)
    z = np.zeros((forms, taps))
    for f in range(forms):
        for k in range(taps):
            z[f, k] = planes[f, columns[k]]
    inner = np.zeros(forms)
    for f in range(forms):
        inner[f] = dot(z[f], pulled)
    fitted = np.zeros(forms)
    if forms > 1:
        gram = np.zeros((forms, forms))
        hz, none = np.zeros(taps), np.zeros(taps)
        for f in range(forms):
            gradient(h, none, z[f], hz)
            for e in range(forms):
                gram[e, f] = dot(z[e], hz)
        if least_squares(gram, inner, fitted) and (fitted >= 0.0).all():
            scales[:] = fitted
            return True
    norm, along = 0.0, 0.0
    for k in range(taps):
        q = 0.0
        for f in range(forms):
            q += scales[f] * z[f, k]
        norm += q * (g[k] + pulled[k])
        along += q * pulled[k]
    if not (norm > 0.0 and along > 0.0):
        return False
    scales *= along / norm
    return True


@kernel
def encode_channels(
    targets: NDArray,
    space_of: NDArray,
    order: NDArray,
    h_of: NDArray,
    ratios_of: NDArray,
    planes: NDArray,
    starts: NDArray,
    fed_back: bool,
    refitted: bool,
    rounds: int,
    sweeps: int,
    columns: NDArray,
    scales: NDArray,
    errors: NDArray,
) -> None:
    """Write the best `columns` [C K], `scales` [C F] and `errors` [C] of channels `targets` [C K].

    `space_of` [C] says whose `order` [S K], `h_of` and `ratios_of` [S K K] are a channel's.
    `starts` [C R F] are scales to begin with; a start without a positive scale is left out. On
    entry the three hold what is to be improved on: an error that none undercuts leaves them.
    """
    channels, taps = targets.shape
    forms, codes = planes.shape
    w = np.zeros(taps)
    values, place = np.zeros(codes), np.zeros(codes, np.int64)
    goal, q, g, pulled = np.zeros(taps), np.zeros(taps), np.zeros(taps), np.zeros(taps)
    at, chosen, none = np.zeros(taps, np.int64), np.zeros(taps, np.int64), np.zeros(taps)
    for c in range(channels):
        space = space_of[c]
        h, ratios, places = h_of[space], ratios_of[space], order[space]
        for k in range(taps):
            w[k] = targets[c, places[k]]
        gradient(h, none, w, pulled)
        for start in range(starts.shape[1]):
            scale = starts[c, start].copy()
            for _ in range(rounds):
                if not (scale > 0.0).any():
                    break
                count = sort_levels(planes, scale, values, place)
                if fed_back:
                    feed_back(w, ratios, values, count, goal, q, at)
                else:
                    for k in range(taps):
                        at[k] = nearest(values, count, w[k])
                        q[k] = values[at[k]]
                gradient(h, w, q, g)
                descend(h, values, count, sweeps, q, at, g)
                error = 0.0
                for k in range(taps):
                    error += (q[k] - w[k]) * g[k]
                    chosen[k] = place[at[k]]
                if error < errors[c]:
                    errors[c] = error
                    for k in range(taps):
                        columns[c, places[k]] = chosen[k]
                    scales[c] = scale
                if not refitted:
                    break
                before = scale.copy()
                if not refit(h, pulled, planes, chosen, scale, g):
                    break
                for k in range(taps):
                    q[k] = 0.0
                    for f in range(forms):
                        q[k] += scale[f] * planes[f, chosen[k]]
                gradient(h, w, q, g)
                error = 0.0
                for k in range(taps):
                    error += (q[k] - w[k]) * g[k]
                if error < errors[c]:
                    errors[c] = error
                    for k in range(taps):
                        columns[c, places[k]] = chosen[k]
                    scales[c] = scale
                if np.abs(scale - before).max() < SAME_SCALE * np.abs(before).max():
                    break
