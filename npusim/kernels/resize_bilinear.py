"""Bilinear interpolation of images of integers: four neighbours, weighted by row and column."""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import kernel


@kernel
def resize_bilinear(x, rows, row_share, columns, column_share, bits, half_up, y):
    """Fill y [N OH OW C] from x [N IH IW C], rounded half up or half away from zero.

    Rows [2 OH] are the upper and lower neighbours, row_share [2 OH] their shares in units of
    2^-bits; columns alike.
    """
    half = 1 << (2 * bits - 1)
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for c in range(y.shape[3]):
                    total = np.int64(0)
                    for a in range(2):
                        for b in range(2):
                            share = row_share[a, i] * column_share[b, j]
                            total += np.int64(x[n, rows[a, i], columns[b, j], c]) * share
                    if half_up or total > 0:
                        y[n, i, j, c] = (total + half) >> (2 * bits)
                    else:
                        y[n, i, j, c] = -((half - total) >> (2 * bits))
