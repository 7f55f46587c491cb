"""Convolution of floats with one summation order: kernel rows, kernel columns, input channels.

It computes in the type of its arrays: float64 where schemes are compared with what they
approximate, float32 as LiteRT's reference kernels do.

No fused multiply-add and no BLAS: the same sums, bit for bit, on every machine. The loop over
output channels is innermost, so the compiler vectorizes over independent sums.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

from numpy.typing import NDArray

from npusim.datapath.jit import kernel


@kernel
def convolve(
    x: NDArray,
    w: NDArray,
    stride_h: int,
    stride_w: int,
    dilation_h: int,
    dilation_w: int,
    y: NDArray,
) -> None:
    """Add to y [N OH OW OC] the convolution of padded x [N H W IC] with w [G KH KW IC/G OC/G]."""
    groups, kernel_h, kernel_w, in_channels, out_channels = w.shape
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                for g in range(groups):
                    out = y[n, i, j, g * out_channels : (g + 1) * out_channels]
                    for ki in range(kernel_h):
                        for kj in range(kernel_w):
                            row = i * stride_h + ki * dilation_h
                            column = j * stride_w + kj * dilation_w
                            for c in range(in_channels):
                                value = x[n, row, column, g * in_channels + c]
                                weights = w[g, ki, kj, c]
                                for o in range(out_channels):
                                    out[o] += value * weights[o]


@kernel
def convolve_depthwise(
    x: NDArray,
    w: NDArray,
    stride_h: int,
    stride_w: int,
    dilation_h: int,
    dilation_w: int,
    y: NDArray,
) -> None:
    """Add to y [N OH OW C] the channelwise convolution of padded x [N H W C] with w [KH KW C]."""
    kernel_h, kernel_w, channels = w.shape
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                out = y[n, i, j]
                for ki in range(kernel_h):
                    for kj in range(kernel_w):
                        values = x[
                            n, i * stride_h + ki * dilation_h, j * stride_w + kj * dilation_w
                        ]
                        weights = w[ki, kj]
                        for c in range(channels):
                            out[c] += values[c] * weights[c]


CORES: ContextVar[int | None] = ContextVar("CORES", default=None)
"""Processor cores that `for_each_image` uses; all of them when None. No value depends on it."""


def for_each_image(job: Callable[[int], None], images: int) -> None:
    """Call job(n) for every image, on several cores."""
    with ThreadPoolExecutor(CORES.get() or os.cpu_count() or 1) as pool:
        list(pool.map(job, range(images)))
