"""Symmetric positive matrices in float64 with one order of summation: products, root, solution.

No BLAS and no fused multiply-add: what decides a code must not depend on a machine. The innermost
loops run along rows, so that the compiler vectorizes over independent sums; four rows are taken
at once, so that a row of the result is read and written once for four products.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel


@kernel
def add_products(a: NDArray, b: NDArray, first: int, end: int, total: NDArray) -> None:
    """Add to rows first..end of `total` [K L] the products a' b of `a` [P K] and `b` [P L]."""
    positions, columns = b.shape
    whole = positions - positions % 4
    for p in range(0, whole, 4):
        b0, b1, b2, b3 = b[p], b[p + 1], b[p + 2], b[p + 3]
        for i in range(first, end):
            a0, a1, a2, a3 = a[p, i], a[p + 1, i], a[p + 2, i], a[p + 3, i]
            row = total[i]
            for j in range(columns):
                row[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j])
    for p in range(whole, positions):
        for i in range(first, end):
            for j in range(columns):
                total[i, j] += a[p, i] * b[p, j]


@kernel
def add_squares(a: NDArray, first: int, end: int, total: NDArray) -> None:
    """Add to rows first..end of `total` [K K], on and above the diagonal, a' a of `a` [P K]."""
    positions, columns = a.shape
    whole = positions - positions % 4
    for p in range(0, whole, 4):
        r0, r1, r2, r3 = a[p], a[p + 1], a[p + 2], a[p + 3]
        for i in range(first, end):
            a0, a1, a2, a3 = r0[i], r1[i], r2[i], r3[i]
            row = total[i]
            for j in range(i, columns):
                row[j] += (a0 * r0[j] + a1 * r1[j]) + (a2 * r2[j] + a3 * r3[j])
    for p in range(whole, positions):
        for i in range(first, end):
            for j in range(i, columns):
                total[i, j] += a[p, i] * a[p, j]


@kernel
def add_group_products(a: NDArray, b: NDArray, total: NDArray) -> None:
    """Add to `total` [G K K] the products of each group's rows of `a`, `b` [P G K]."""
    positions, groups, taps = a.shape
    for p in range(positions):
        for g in range(groups):
            for i in range(taps):
                for j in range(taps):
                    total[g, i, j] += a[p, g, i] * b[p, g, j]


@kernel
def root(matrix: NDArray) -> bool:
    """Turn a positive `matrix` [K K] into its upper root R, R' R = matrix, in place.

    False where a pivot is not positive; what is below the diagonal is left as it was.
    """
    size = len(matrix)
    for start in range(0, size, 4):
        end = min(start + 4, size)
        for k in range(start, end):
            pivot = matrix[k, k]
            if not pivot > 0.0:
                return False
            pivot = np.sqrt(pivot)
            for j in range(k, size):
                matrix[k, j] /= pivot
            for i in range(k + 1, end):
                factor = matrix[k, i]
                for j in range(i, size):
                    matrix[i, j] -= factor * matrix[k, j]
        for i in range(end, size):
            if end - start == 4:
                r0, r1, r2, r3 = (
                    matrix[start],
                    matrix[start + 1],
                    matrix[start + 2],
                    matrix[start + 3],
                )
                f0, f1, f2, f3 = r0[i], r1[i], r2[i], r3[i]
                row = matrix[i]
                for j in range(i, size):
                    row[j] -= (f0 * r0[j] + f1 * r1[j]) + (f2 * r2[j] + f3 * r3[j])
    return True


@kernel
def solve(upper: NDArray, right: NDArray) -> None:
    """Replace `right` [K C] by the solution of R' R x = right, R the `upper` root [K K]."""
    size, columns = right.shape
    for i in range(size):
        for c in range(columns):
            right[i, c] /= upper[i, i]
        for j in range(i + 1, size):
            factor = upper[i, j]
            for c in range(columns):
                right[j, c] -= factor * right[i, c]
    for i in range(size - 1, -1, -1):
        for j in range(i + 1, size):
            factor = upper[i, j]
            for c in range(columns):
                right[i, c] -= factor * right[j, c]
        for c in range(columns):
            right[i, c] /= upper[i, i]


def damped(second: NDArray[np.float64], damping: float) -> NDArray[np.float64]:
    """Return `second` [K K] plus `damping` times the mean of its diagonal, or 1 where that is 0."""
    mean = float(np.diag(second).sum()) / len(second)
    return second + np.eye(len(second)) * (damping * (mean if mean > 0 else 1.0))
