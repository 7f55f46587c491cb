"""onnxruntime's float32 matrix products and convolutions on x86 (MLAS), in their order of sums.

Every function gives the float32 of MLAS's AVX512F and AVX2 kernels, which agree with each other.
`fma` rounds once. Source: onnxruntime 1.31, core/mlas/lib.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import kernel
from npusim.graph.attributes import Window
from npusim.kernels.fused import fused_multiply_add as fma

Floats = NDArray[np.float32]

PANEL_COLUMNS, PANEL_DEPTH = 128, 128
"""A panel of B that a matrix product packs; the depth of one decides how sums are cut."""
LEAST_PANEL_COLUMNS = 16
PACKED_DEPTH = 256
"""How many products are summed at a time where constant weights are packed."""


def panel_depth(columns: int, depth: int) -> int:
    """Return how many products are summed at a time, in order, before a partial sum is added.

    Source: MlasSgemmOperation, MlasConvOperation.
    """
    wide, deep = PANEL_COLUMNS, PANEL_DEPTH
    if columns >= depth:
        while deep // 2 >= depth:
            wide, deep = wide * 2, deep // 2
    else:
        while wide > LEAST_PANEL_COLUMNS and wide // 2 >= columns:
            wide, deep = wide // 2, deep * 2
    return deep


@kernel
def sum_of_products(a, b, depth, y):
    """Add a [M K] times b [K N] to y [M N]: sums of `depth` products by fma, then added."""
    for m in range(a.shape[0]):
        total = np.empty(b.shape[1], np.float32)
        for start in range(0, a.shape[1], depth):
            total[:] = np.float32(0)
            for k in range(start, min(start + depth, a.shape[1])):
                for n in range(b.shape[1]):
                    total[n] = fma(a[m, k], b[k, n], total[n])
            for n in range(b.shape[1]):
                y[m, n] = np.float32(y[m, n] + total[n])


@kernel
def one_row(a, b, y):
    """Add a [K] times b [K N] to y [N]: four products at a time, rounded.

    Source: SgemmKernelM1Avx.
    """
    k = 0
    total = np.empty(b.shape[1], np.float32)
    while k < len(a):
        taken = 4 if k + 4 <= len(a) else (2 if k + 2 <= len(a) else 1)
        for n in range(b.shape[1]):
            total[n] = np.float32(a[k] * b[k, n])
        for i in range(1, taken):
            for n in range(b.shape[1]):
                total[n] = np.float32(total[n] + np.float32(a[k + i] * b[k + i, n]))
        for n in range(b.shape[1]):
            y[n] = np.float32(total[n] + y[n])
        k += taken


@kernel
def one_row_transposed(a, b, y):
    """Add b [N K] times a [K] to y [N]: eight lanes of rounded products, then folded.

    Rows are folded four together, two, or alone, each in its own order. Source:
    SgemmKernelM1TransposeBAvx.
    """
    lanes = np.empty(8, np.float32)
    half = np.empty(2, np.float32)
    for n in range(b.shape[0]):
        lanes[:] = np.float32(0)
        for k in range(b.shape[1]):
            lanes[k % 8] = np.float32(lanes[k % 8] + np.float32(a[k] * b[n, k]))
        rest = b.shape[0] - n // 4 * 4
        if rest >= 4:
            for i in range(2):
                total = np.float32(lanes[4 * i] + lanes[4 * i + 1])
                total = np.float32(total + lanes[4 * i + 2])
                half[i] = np.float32(total + lanes[4 * i + 3])
            y[n] = np.float32(np.float32(half[0] + half[1]) + y[n])
        elif rest >= 2 and n % 4 < 2:
            for i in range(2):
                low = np.float32(lanes[2 + i] + lanes[i])
                high = np.float32(lanes[6 + i] + lanes[4 + i])
                half[i] = np.float32(low + high)
            y[n] = np.float32(np.float32(half[0] + half[1]) + y[n])
        else:
            for i in range(2):
                first = np.float32(lanes[4 * i] + lanes[4 * i + 1])
                second = np.float32(lanes[4 * i + 2] + lanes[4 * i + 3])
                half[i] = np.float32(first + second)
            y[n] = np.float32(np.float32(half[0] + half[1]) + y[n])


def product(
    a: Floats,
    b: Floats,
    start: Floats | None = None,
    transposed: bool = False,
    turned: bool = False,
) -> Floats:
    """Return start + a [M K] times b [K N].

    `transposed` where b is stored as [N K], `turned` where a is stored as [K M]. Source:
    MlasSgemmOperation.
    """
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    y = np.zeros((a.shape[0], b.shape[1]), np.float32)
    if start is not None:
        y[...] = start
    if len(a) == 1 and not turned and transposed:
        one_row_transposed(a[0], np.ascontiguousarray(b.T), y[0])
    elif len(a) == 1 and not turned:
        one_row(a[0], b, y[0])
    elif b.shape[1] == 1 and not transposed and turned:
        one_row(b[:, 0].copy(), np.ascontiguousarray(a.T), y[:, 0])
    elif b.shape[1] == 1 and not transposed:
        one_row_transposed(b[:, 0].copy(), a, y[:, 0])
    else:
        sum_of_products(a, b, panel_depth(b.shape[1], b.shape[0]), y)
    return y


def packed_product(a: Floats, b: Floats, start: Floats | None = None) -> Floats:
    """Return start + a [M K] times b [K N], constant weights that onnxruntime packs."""
    y = np.zeros((len(a), b.shape[1]), np.float32)
    if start is not None:
        y[...] = start
    sum_of_products(np.ascontiguousarray(a), np.ascontiguousarray(b), PACKED_DEPTH, y)
    return y


def convolve(
    x: Floats,
    weights: Floats,
    bias: Floats | None,
    window: Window,
    groups: int,
) -> Floats:
    """Return the convolution [N OH OW OC] of x [N IH IW IC] with weights [OC KH KW IC/groups].

    Products are summed in order of (input channel, row, column) of the window, as one panel's depth
    says, the bias last. Source: MlasConv, one thread.
    """
    taken = columns(x, window)
    samples, height, width, kernel_height, kernel_width, channels = taken.shape
    inner, outer = channels // groups, len(weights) // groups
    depth = inner * kernel_height * kernel_width
    y = np.empty((samples, height, width, len(weights)), np.float32)
    for sample in range(samples):
        for group in range(groups):
            part = taken[sample, ..., group * inner : (group + 1) * inner]
            b = part.transpose(4, 2, 3, 0, 1).reshape(depth, height * width)
            a = weights[group * outer : (group + 1) * outer].transpose(0, 3, 1, 2)
            out = product(a.reshape(outer, depth), b)
            place = y[sample, ..., group * outer : (group + 1) * outer]
            place[...] = out.T.reshape(height, width, outer)
    return y if bias is None else y + bias


def columns(x: Floats, window: Window, around: float = 0.0) -> Floats:
    """Return the windows of x [N IH IW C] as [N OH OW KH KW C], `around` outside the image."""
    top, bottom, left, right = window.padding
    pairs = ((0, 0), (top, bottom), (left, right), (0, 0))
    padded = np.pad(x, pairs, constant_values=around)
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    spans = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
    view = np.lib.stride_tricks.sliding_window_view(padded, spans, (1, 2))
    return view[:, ::sh, ::sw, :, ::dh, ::dw].transpose(0, 1, 2, 4, 5, 3)
