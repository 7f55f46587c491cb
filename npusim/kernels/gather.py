"""Movement of data by a map: each element of y is one of x's, or the fill."""

from __future__ import annotations

from npusim.datapath.jit import kernel


@kernel
def gather(x, index, sample, fill, y):
    """Fill y [S M] with x [S `sample`] at index [M] of each sample; below 0 is the fill."""
    size = len(index)
    for s in range(len(y) // size):
        for i in range(size):
            source = index[i]
            y[s * size + i] = x[s * sample + source] if source >= 0 else fill
