"""Sums of products to outputs, channel by channel, where no faster kernel has done it already."""

from __future__ import annotations

from npusim.datapath.jit import kernel
from npusim.datapath.requantize import requantize_total


@kernel
def requantize_rows(sums, multipliers, bias, shift, mode, zero_point, low, high, y):
    """Requantize int64 `sums` [R C] by integer constants [C] into y [R C]."""
    for r in range(y.shape[0]):
        for c in range(y.shape[1]):
            total = multipliers[c] * sums[r, c] + bias[c]
            y[r, c] = requantize_total(total, mode, shift[c], zero_point, low, high)
