"""Bilinear interpolation: which two pixels an output lies between, and their shares.

TFLite takes int8 and int16 in 10 fraction bits, uint8 and float32 in float32; XNNPACK takes 8 bits
in 11 fraction bits.
Sources: TFLite, reference/resize_bilinear.h, optimized/resize_bilinear.h; XNNPACK,
xnn_indirection_init_resize_bilinear2d_hwc_q11.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LITERT_BITS = 10
XNNPACK_BITS = 11


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Along one axis: the pixels [2 O] below and above each output, and their shares [2 O].

    Shares are float32, or int64 in units of 2^-bits.
    """

    pixels: NDArray[np.int64]
    shares: NDArray


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Neighbours by row and by column, and how the weighted sum is rounded.

    `bits` is None where shares are float32; then a half is added and the fraction cut off, and
    `together` says that the two shares of a neighbour are multiplied first.
    """

    rows: Neighbours
    columns: Neighbours
    bits: int | None
    half_up: bool = False
    together: bool = False


def scale_of(extent: int, size: int, align_corners: bool) -> np.float32:
    """Return how many pixels of the input one of the output's stands for."""
    if align_corners and size > 1:
        return np.float32(extent - 1) / np.float32(size - 1)
    return np.float32(extent) / np.float32(size)


def fixed_point(extent: int, size: int, align_corners: bool, centers: bool) -> Neighbours:
    """Return TFLite's neighbours in 10 fraction bits."""
    one = 1 << LITERT_BITS
    if align_corners and size > 1:
        scale = (one * (extent - 1) + (size - 1) // 2) // (size - 1)
    else:
        scale = (one * extent + size // 2) // size
    place = np.arange(size, dtype=np.int64) * scale
    if centers:
        place += scale // 2 - one // 2
    low = np.maximum(place // one, 0)  # also right below 0, where the quotient would be cut
    high = np.clip(-(-place // one), 0, extent - 1)
    share = place - low * one
    return Neighbours(np.stack([low, high]), np.stack([one - share, share]))


def floating_point(extent: int, size: int, align_corners: bool, centers: bool) -> Neighbours:
    """Return TFLite's neighbours in float32."""
    scale = scale_of(extent, size, align_corners)
    place = np.arange(size, dtype=np.float32)
    if centers:
        place = (place + np.float32(0.5)) * scale - np.float32(0.5)
    else:
        place = place * scale
    low = np.maximum(np.floor(place), 0).astype(np.int64)
    high = np.minimum(np.ceil(place).astype(np.int64), extent - 1)
    share = place - low.astype(np.float32)
    return Neighbours(np.stack([low, high]), np.stack([np.float32(1) - share, share]))


def xnnpack_floating_point(
    extent: int, size: int, align_corners: bool, centers: bool
) -> Neighbours:
    """Return XNNPACK's neighbours in float32."""
    scale = scale_of(extent, size, align_corners)
    place = np.arange(size, dtype=np.float32) * scale
    if centers:
        place = place + (np.float32(0.5) * scale - np.float32(0.5))
        place = np.clip(place, np.float32(0), np.float32(extent - 1))
    low = np.minimum(place.astype(np.int64), extent - 1)
    high = np.minimum(low + 1, extent - 1)
    share = place - low.astype(np.float32)
    return Neighbours(np.stack([low, high]), np.stack([np.float32(1) - share, share]))


def xnnpack(extent: int, size: int, align_corners: bool, centers: bool) -> Neighbours:
    """Return XNNPACK's neighbours in 11 fraction bits."""
    real = xnnpack_floating_point(extent, size, align_corners, centers)
    one = 1 << XNNPACK_BITS
    share = np.rint(real.shares[1] * np.float32(one)).astype(np.int64)
    return Neighbours(real.pixels, np.stack([one - share, share]))


def weighted(x: NDArray, at: Interpolation) -> NDArray[np.float32]:
    """Return x [N IH IW C] interpolated in float32, its neighbours added one after the other."""
    total = np.float32(0)
    for a, b in (
        ((0, 0), (0, 1), (1, 0), (1, 1)) if at.together else ((0, 0), (1, 0), (0, 1), (1, 1))
    ):
        rows, columns = at.rows.shares[a][:, None, None], at.columns.shares[b][:, None]
        near = pixels(x, at, a, b)
        total = total + (near * (rows * columns) if at.together else near * rows * columns)
    return np.asarray(total, np.float32)


def pixels(x: NDArray, at: Interpolation, a: int, b: int) -> NDArray[np.float32]:
    """Return the neighbours `a` by row and `b` by column of every output."""
    fetched = x[:, at.rows.pixels[a]][:, :, at.columns.pixels[b]]
    return fetched.astype(np.float32, copy=False)
