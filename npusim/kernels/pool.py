"""Pooling and mean over whole images: windows clipped to the image, then one division or rounding.

Shapes: x [N IH IW C], y [N OH OW C]; the geometry is [KH KW SH SW DH DW top left].
"""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import kernel, scalar
from npusim.datapath.requantize import clamp, requantize_total


@scalar
def first_tap(start: int, dilation: int) -> int:
    """Return the first tap of a window beginning at `start` that is not before the image."""
    return 0 if start >= 0 else (-start + dilation - 1) // dilation


@scalar
def end_tap(start: int, dilation: int, taps: int, extent: int) -> int:
    """Return one past the last tap of a window that is not behind an image of `extent` pixels."""
    return min(taps, max(0, (extent - start + dilation - 1) // dilation))


@scalar
def divide_window(total: int, taps: int) -> int:
    """Return total / taps, halves away from zero (TFLite's AVERAGE_POOL).

    The definition; datapath/pool.py's average_constants give the same without a division.
    """
    half = taps // 2
    return (total + half) // taps if total > 0 else -((half - total) // taps)


@scalar
def sum_window(x, n, oh, ow, geometry, sums):
    """Put the sum of each channel over one window into int64 `sums` [C]; return the taps."""
    top, left = oh * geometry[2] - geometry[6], ow * geometry[3] - geometry[7]
    h0, h1 = first_tap(top, geometry[4]), end_tap(top, geometry[4], geometry[0], x.shape[1])
    w0, w1 = first_tap(left, geometry[5]), end_tap(left, geometry[5], geometry[1], x.shape[2])
    sums[:] = 0
    for kh in range(h0, h1):
        for kw in range(w0, w1):
            ih, iw = top + kh * geometry[4], left + kw * geometry[5]
            for c in range(x.shape[3]):
                sums[c] += x[n, ih, iw, c]
    return max(h1 - h0, 0) * max(w1 - w0, 0)


@kernel
def average_pool_division(x, geometry, low, high, origin, y):
    """Average each window's x - origin and add it again; a window without a tap gives `origin`."""
    sums = np.empty(x.shape[3], np.int64)
    for n in range(y.shape[0]):
        for oh in range(y.shape[1]):
            for ow in range(y.shape[2]):
                taps = sum_window(x, n, oh, ow, geometry, sums)
                for c in range(y.shape[3]):
                    mean = divide_window(sums[c] - taps * origin, max(taps, 1))
                    y[n, oh, ow, c] = clamp(mean + origin, low, high)


@kernel
def average_pool_requantize(
    x, geometry, input_zero_point, multipliers, shifts, mode, zero_point, low, high, y
):
    """Average each window's x - z through the multiplier of its count of taps (or the only one)."""
    sums = np.empty(x.shape[3], np.int64)
    for n in range(y.shape[0]):
        for oh in range(y.shape[1]):
            for ow in range(y.shape[2]):
                taps = sum_window(x, n, oh, ow, geometry, sums)
                column = min(max(taps, 1), len(shifts)) - 1
                for c in range(y.shape[3]):
                    total = multipliers[column] * (sums[c] - taps * input_zero_point)
                    y[n, oh, ow, c] = requantize_total(
                        total, mode, shifts[column], zero_point, low, high
                    )


@kernel
def max_pool(x, geometry, low, high, y):
    """Take the maximum of each window's taps inside the image; a window without one gives `low`.

    First over the rows of a window, a whole line of pixels at a time, then over its columns.
    """
    rows = np.ascontiguousarray(x).reshape((x.shape[0], x.shape[1], x.shape[2] * x.shape[3]))
    line = np.empty((x.shape[2], x.shape[3]), x.dtype)
    elements = line.reshape(-1)
    for n in range(y.shape[0]):
        for oh in range(y.shape[1]):
            top = oh * geometry[2] - geometry[6]
            elements[:] = low
            h0 = first_tap(top, geometry[4])
            for kh in range(h0, end_tap(top, geometry[4], geometry[0], x.shape[1])):
                row = rows[n, top + kh * geometry[4]]
                for i in range(len(elements)):
                    elements[i] = max(elements[i], row[i])
            for ow in range(y.shape[2]):
                left, out = ow * geometry[3] - geometry[7], y[n, oh, ow]
                out[:] = low
                w0 = first_tap(left, geometry[5])
                for kw in range(w0, end_tap(left, geometry[5], geometry[1], x.shape[2])):
                    pixel = line[left + kw * geometry[5]]
                    for c in range(len(out)):
                        out[c] = max(out[c], pixel[c])
                for c in range(len(out)):
                    out[c] = min(np.int64(out[c]), high)


@kernel
def sum_middle(x, sums):
    """Sum x [O R I] over R into int64 `sums` [O I]."""
    sums[:] = 0
    for o in range(x.shape[0]):
        for r in range(x.shape[1]):
            for i in range(x.shape[2]):
                sums[o, i] += x[o, r, i]


@kernel
def requantize_sums(sums, multiplier, bias, shift, zero_point, low, high, first, end, mode, y):
    """Requantize columns first..end-1 of int64 `sums` [O I] by one multiplier into y [O I]."""
    for o in range(y.shape[0]):
        for i in range(first, end):
            total = multiplier * sums[o, i] + bias
            y[o, i] = requantize_total(total, mode, shift, zero_point, low, high)
