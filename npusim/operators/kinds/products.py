"""Products of two tensors that no machine's array computes: sums first, then one epilogue."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npusim.kernels import floating_point
from npusim.kernels.requantize_rows import requantize_rows
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import ROUNDINGS


def requantized(
    c: Requantization | FloatRequantization, sums: NDArray[np.int64], dtype: DTypeLike
) -> NDArray:
    """Return the outputs of sums [... C] by the constants of C channels, or of one for all."""
    y = np.empty(sums.shape, dtype)
    columns = c.bias.size
    rows, out = np.ascontiguousarray(sums).reshape(-1, columns), y.reshape(-1, columns)
    ends = (c.zero_point, c.low, c.high)
    if isinstance(c, Requantization):
        mode = ROUNDINGS.index(c.rounding)
        requantize_rows(rows, c.multipliers[0], c.bias, c.shift, mode, *ends, out)
    else:
        floating_point.requantize_rows(rows, c.scale, c.bias, *ends, out)
    return y


def exact(x: NDArray, zero_point: int) -> NDArray[np.float64]:
    """Return x less its zero point as float64: BLAS adds products of bytes exactly."""
    return x.astype(np.float64) - zero_point
