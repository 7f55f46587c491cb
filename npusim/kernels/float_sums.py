"""Sums of float32 along axes in onnxruntime's order of additions, which decides their bits.

Sums of contiguous values run in Eigen's vectors of four: from the first aligned element, two
vectors at a time; the four lanes are folded as (0 + 2) + (1 + 3), then comes what stood before the
first vector and what is left behind the last. Everything else is added value by value. Source:
onnxruntime 1.31, core/providers/cpu/reduction; Eigen, Core/Redux.h; SSE.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel, scalar
from npusim.kernels import mlas_products

Floats = NDArray[np.float32]

LANES = 4


@scalar
def sum_of_row(row, start, lanes0, lanes1):
    """Return the sum of float32 values in vectors of four, the first vector at `start`.

    The lanes are two vectors of four to work in.
    """
    length = len(row)
    start = min(start, length)
    vectors = (length - start) // 4
    if vectors == 0:
        total = row[0]
        for k in range(1, length):
            total = np.float32(total + row[k])
        return total
    for lane in range(4):
        lanes0[lane], lanes1[lane] = row[start + lane], np.float32(0)
    if vectors > 1:
        for lane in range(4):
            lanes1[lane] = row[start + 4 + lane]
        for vector in range(2, vectors // 2 * 2, 2):
            for lane in range(4):
                lanes0[lane] += row[start + 4 * vector + lane]
                lanes1[lane] += row[start + 4 * vector + 4 + lane]
        for lane in range(4):
            lanes0[lane] += lanes1[lane]
        if vectors % 2:
            for lane in range(4):
                lanes0[lane] += row[start + 4 * (vectors - 1) + lane]
    even = np.float32(lanes0[0] + lanes0[2])
    total = np.float32(even + np.float32(lanes0[1] + lanes0[3]))
    for k in range(start):
        total = np.float32(total + row[k])
    for k in range(start + 4 * vectors, length):
        total = np.float32(total + row[k])
    return total


@kernel
def sums_of_rows(x, pitch, y):
    """Fill y [R] with the sum of each row of x [R K]; rows begin `pitch` values apart in memory.

    The first begins aligned, and so do all where `pitch` is 0.
    """
    lanes0, lanes1 = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for r in range(x.shape[0]):
        y[r] = sum_of_row(x[r], -(r * pitch) % 4, lanes0, lanes1)


def in_order(x: Floats) -> Floats:
    """Return the sums of x [K ...] along its first axis, added one after the other."""
    total = x[0].copy()
    for part in x[1:]:
        total += part
    return total


def sums(x: Floats, axes: tuple[int, ...], in_vectors: bool) -> Floats:
    """Return the sums of x along `axes`, which go.

    Parameters
    ----------
    in_vectors
        Whether ReduceSum or ReduceMean asks; the norms add value by value, unless all axes go.
    """
    kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
    shape = tuple(x.shape[axis] for axis in kept)
    pattern, extents = _pattern(x.shape, axes)
    y: Floats
    if pattern in ("", "K"):
        y = x
    elif pattern == "R":
        y = _rows(x.reshape(1, -1))
    elif pattern == "KR" and in_vectors:
        y = _rows(x.reshape(extents))
    elif pattern == "RKR" and extents[1] > 1 and in_vectors:
        y = in_order(_rows(x.reshape(-1, extents[2])).reshape(extents[:2]))
    elif pattern == "KRK" and extents[0] > 1 and in_vectors:
        ones = np.ones((1, extents[1]), np.float32)
        y = np.stack([mlas_products.product(ones, part) for part in x.reshape(extents)])
    else:
        order = x.transpose(*axes, *kept)
        y = in_order(order.reshape(-1, *shape))
    return y.reshape(shape)


def _rows(x: Floats) -> Floats:
    y = np.empty(len(x), np.float32)
    sums_of_rows(np.ascontiguousarray(x), x.shape[1], y)
    return y


def _pattern(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return runs of axes that stay (K) and go (R), and how many values each run has."""
    runs = ""
    extents: list[int] = []
    for axis, extent in enumerate(shape):
        letter = "R" if axis in axes else "K"
        if runs.endswith(letter):
            extents[-1] *= extent
        else:
            runs += letter
            extents.append(extent)
    return runs, tuple(extents)
