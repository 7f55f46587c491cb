"""Depthwise convolution: sixteen channels of six pixels at a time, several taps in a word.

The input is copied once in words (depthwise_input.py): an element and those that the next kernel
rows read lie side by side, so that a step of a tile takes as many taps of sixteen channels as they
lie. Kernel rows are filled up to whole words by weights of zero. Each channel is repeated for a
depth multiplier, so that output channel and copied channel are the same number.

    blocked    two taps of 16 bits, which hold every weight (9 bits) as it is
    vnni256/512  four taps of 8 bits; weights beyond int8 are split into parts that are int8 and
                 run as further taps, as in gemm.py
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, specialized
from npusim.graph.attributes import Window
from npusim.kernels.depthwise_input import copy_pairs, copy_quads
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import LANES, padded_channels
from npusim.kernels.epilogue_entry import Epilogue
from npusim.kernels.epilogue_high import starting_bias
from npusim.kernels.gemm import split_int8
from npusim.kernels.gemm_tile import on_lines, vector_form, window_tile
from npusim.kernels.linear_input import LAYER, input_geometry, pixels_at_once
from npusim.kernels.linear_walk import described, linear
from npusim.runtimes.requantization import FloatRequantization, Requantization

ITEM_BYTES = 4
"""Of a word of taps."""


class DepthwiseLayer:
    """The packed weights and constants of one depthwise layer; planes [J OC KH KW 1].

    With `pixels` > 1 as many neighbours are side by side (narrow.py): the planes and constants are
    those of one pixel after the other, and the output is that much narrower.
    """

    def __init__(
        self,
        form: str,
        planes: NDArray[np.int16],
        window: Window,
        groups: int,
        input_zero_point: int,
        requantization: Requantization | FloatRequantization,
        input_is_signed: bool,
        pixels: int = 1,
    ) -> None:
        u8s8 = form != "blocked"
        self.entry, self.tiles = linear(), TILES[vector_form(form)]()
        self.copy = copy_quads() if u8s8 else copy_pairs()
        self.window, self.channels, self.pixels = window, groups, pixels
        self.terms, self.filters, kernel_h, kernel_w = planes.shape[:4]
        self.flip = 128 * input_is_signed
        self.zero_point = input_zero_point + self.flip
        self.padded = padded_channels(self.filters)
        self.rows_per_tap = rows = 4 if u8s8 else 2
        self.words = -(-kernel_h // rows)
        full = np.zeros((self.terms, self.padded, self.words * rows, kernel_w), np.int64)
        full[:, : self.filters, :kernel_h] = planes[..., 0]
        parts = np.stack(split_int8(full) if u8s8 else [full])
        self.parts = len(parts)
        blocks = parts.reshape(self.parts, -1, LANES, self.words, rows, kernel_w)
        packed = blocks.transpose(1, 0, 3, 5, 2, 4).astype(np.int8 if u8s8 else np.int16)
        self.weights = on_lines(np.ascontiguousarray(packed))
        start = -self.zero_point * full.sum(axis=(2, 3))
        bias, rule = starting_bias(requantization, planes)
        start[0, : self.filters] += bias
        self.start = start.astype(np.uint32).view(np.int32)  # modulo 2^32, as the sums
        self.epilogue = Epilogue(rule, 1)

    def geometry(self, images: int, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the layer's description on `images` of height x width, and the places of taps.

        The arrays hold addresses of this layer's arrays: keep the layer alive.
        """
        window, repeat = self.window, self.filters // self.pixels // self.channels
        fields = input_geometry(
            window, height, width, self.channels * repeat, ITEM_BYTES, self.rows_per_tap
        )
        columns = np.arange(window.kernel[1]) * window.dilation[1]
        columns *= self.channels * repeat * ITEM_BYTES
        taps = np.arange(self.words)[:, None] * fields.pop("tap_row_bytes") + columns
        taps = np.tile(taps.ravel(), self.parts).astype(np.int64)
        fields["channels"] = self.channels
        fields["out_w"] //= self.pixels
        fields["column_bytes"] *= self.pixels
        epilogue, constants = self.epilogue.addresses
        layer = described(
            images, **fields, filters=self.filters, flip=self.flip, pad=self.zero_point,
            repeat=repeat, tap_rows=window.dilation[0], copy=self.copy.address,
            tiles=self.tiles.address,
            epilogue=epilogue, epilogue_description=constants,
            block=pixels_at_once(self.terms * self.padded),
            sums_bytes=4 * self.terms * self.padded, groups=self.terms,
            vectors=self.padded // LANES, segments=taps.ctypes.data, steps=len(taps),
            weights=self.weights.ctypes.data, weights_stride=self.weights[0].nbytes,
            start=self.start.ctypes.data,
        )  # fmt: skip
        return layer, taps


@specialized
def sum_windows(form, offsets, sums, description, pixels):
    """Compute the sums of `pixels` pixels, block of channels by block; terms lie one by one."""
    d = array_at(description, 1, LAYER)[0]
    stride = d.sums_bytes
    for block in range(d.groups * d.vectors):
        to, x = sums + block * LANES * 4, block % d.vectors * LANES * ITEM_BYTES
        w, start = d.weights + block * d.weights_stride, d.start + block * LANES * 4
        p = 0
        while p + 3 < pixels:
            window_tile(
                form, 6, to + p * stride, stride, x, offsets + 8 * p, d.segments, d.steps, w, start
            )
            p += 6
        if p + 1 < pixels:
            window_tile(
                form, 3, to + p * stride, stride, x, offsets + 8 * p, d.segments, d.steps, w, start
            )
        elif p < pixels:
            window_tile(
                form, 1, to + p * stride, stride, x, offsets + 8 * p, d.segments, d.steps, w, start
            )
    return 1


@entry
def windows_blocked(offsets, sums, description, first, end):
    """Sum pairs of taps."""
    return sum_windows("blocked", offsets, sums, description, end)


@entry
def windows_vnni256(offsets, sums, description, first, end):
    """Sum quads of taps with vpdpbusd on 256 bits."""
    return sum_windows("vnni256", offsets, sums, description, end)


@entry
def windows_vnni512(offsets, sums, description, first, end):
    """Sum quads of taps with vpdpbusd on 512 bits."""
    return sum_windows("vnni512", offsets, sums, description, end)


TILES = {"blocked": windows_blocked, "vnni256": windows_vnni256, "vnni512": windows_vnni512}
