"""Dense and grouped linear layers as matrix products in registers, without im2col.

A pixel's taps are `segments` of contiguous words in the padded input (linear_input.py): one kernel
row each where dilation and groups are 1, one tap each otherwise. Six pixels at a time meet the
packed weights of some columns in registers; a block of pixels is requantized at once
(linear_walk.py).

The input's elements are 0..255; each channel's start value takes back what they are too much, with
the zero point: sum (x - z) * w = sum x * w - z * sum w. Weights beyond int8 are split into parts
that are int8 and run as further taps of the same accumulator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, specialized
from npusim.graph.attributes import Window
from npusim.kernels import gemm_amx
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import padded_channels
from npusim.kernels.epilogue_entry import Epilogue
from npusim.kernels.epilogue_high import starting_bias
from npusim.kernels.gemm_tile import (
    LANES256,
    LANES512,
    WIDEST256,
    WIDEST512,
    gemm_tile,
    in_tiles,
    tile_columns,
    tile_lanes,
    tile_vectors,
    vector_form,
)
from npusim.kernels.linear_input import (
    LAYER,
    copy_bytes,
    copy_words,
    input_geometry,
    pixels_at_once,
)
from npusim.kernels.linear_walk import described, linear
from npusim.runtimes.requantization import FloatRequantization, Requantization


def split_int8(weights: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return int8-valued arrays whose sum is `weights`; one where they fit already."""
    parts: list[NDArray[np.int64]] = []
    while weights.any() or not parts:
        part = np.clip(weights, -128, 127)
        parts.append(part)
        weights = weights - part
    return parts


class GemmLayer:
    """The packed weights and constants of one layer, for one form of tile."""

    def __init__(
        self,
        form: str,
        planes: NDArray[np.int16],
        window: Window,
        groups: int,
        input_zero_point: int,
        requantization: Requantization | FloatRequantization,
        input_is_signed: bool,
    ) -> None:
        u8s8, in_vectors = form != "blocked", vector_form(form)
        self.form, self.entry, self.tiles = form, linear(), TILES[in_vectors]()
        self.copy = copy_bytes() if u8s8 else copy_words()
        self.window, self.groups = window, groups
        self._configurations: dict[int, NDArray[np.uint8]] = {}
        self.terms, self.filters, kernel_h, kernel_w, self.group_channels = planes.shape
        self.flip = 128 * input_is_signed
        self.zero_point = input_zero_point + self.flip
        taps_per_word, self.item_bytes = (4, 1) if u8s8 else (2, 2)

        weights = self._by_column(planes.astype(np.int64))
        parts = split_int8(weights)
        self.parts = len(parts)
        self.joined = groups == 1 and window.dilation[1] == 1
        rows, run = (kernel_h, kernel_w) if self.joined else (kernel_h * kernel_w, 1)
        run *= self.group_channels
        self.steps = -(-run // taps_per_word)
        self.in_whole_tiles = form == "amx" and run >= gemm_amx.LEAST_RUN_BYTES
        if self.in_whole_tiles:
            self.steps = -(-self.steps // gemm_amx.STEPS) * gemm_amx.STEPS
        self.segment_count = rows * self.parts
        packed = np.zeros((len(weights), self.parts, rows, self.steps * taps_per_word), np.int64)
        for p, part in enumerate(parts):
            packed[:, p, :, :run] = part.reshape(len(weights), rows, run)
        lanes = tile_lanes(in_vectors)
        packed = packed.reshape(len(weights) // lanes, lanes, -1, taps_per_word).swapaxes(1, 2)
        self.vectors, self.vector_bytes = len(packed) // groups, packed[0].size
        self.weights = in_tiles(packed.astype(np.int8), self.vectors, tile_vectors(in_vectors))
        start = -self.zero_point * weights.reshape(len(weights), -1).sum(1)
        bias, rule = starting_bias(requantization, planes)
        if bias.any():  # of the first term: a bias before the multiplication has no other
            start += self._by_column(bias.reshape(1, -1, 1, 1, 1)).ravel()
        self.start = start.astype(np.uint32).view(np.int32)  # modulo 2^32, as the sums
        self.epilogue = Epilogue(rule, groups)

    def _by_column(self, planes: NDArray) -> NDArray[np.int64]:
        """Return [J OC ...] as [columns ...]: group by group, term by term, channels padded."""
        terms, filters = planes.shape[:2]
        grouped = planes.reshape(terms, self.groups, filters // self.groups, *planes.shape[2:])
        grouped = grouped.swapaxes(0, 1)
        width = padded_channels(grouped.shape[2])
        columns = np.zeros((*grouped.shape[:2], width, *grouped.shape[3:]), np.int64)
        columns[:, :, : grouped.shape[2]] = grouped
        return columns.reshape(-1, *planes.shape[2:])

    def geometry(self, images: int, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the layer's description on `images` of height x width, and its segments.

        The arrays hold addresses of this layer's arrays: keep the layer alive.
        """
        window, item = self.window, self.item_bytes
        channels = self.group_channels * self.groups
        fields = input_geometry(window, height, width, channels, item)
        fields |= self._whole_tiles(fields)
        segments = np.arange(window.kernel[0]) * fields.pop("tap_row_bytes")
        if not self.joined:
            tap_columns = np.arange(window.kernel[1]) * window.dilation[1] * channels * item
            segments = (segments[:, None] + tap_columns).ravel()
        segments = np.tile(segments, self.parts).astype(np.int64)
        epilogue, constants = self.epilogue.addresses
        layer = described(
            images, **fields, filters=self.filters, flip=self.flip, pad=self.zero_point, repeat=1,
            copy=self.copy.address, epilogue=epilogue, epilogue_description=constants,
            sums_bytes=self.start.nbytes, groups=self.groups, vectors=self.vectors,
            group_bytes=self.group_channels * item, segments=segments.ctypes.data,
            segment_count=self.segment_count, steps=self.steps, weights=self.weights.ctypes.data,
            weights_stride=self.vector_bytes, start=self.start.ctypes.data,
        )  # fmt: skip
        return layer, segments

    def _whole_tiles(self, fields: dict[str, int]) -> dict[str, int]:
        """Return what says how pixels are summed, and how many together."""
        block = pixels_at_once(self.start.size)
        rows = min(gemm_amx.pixels_in_line(fields), gemm_amx.ROWS)
        if not self.in_whole_tiles or rows == 1:
            return {"tiles": self.tiles.address, "block": block}
        if rows not in self._configurations:
            self._configurations[rows] = gemm_amx.configuration(rows)
        return {
            "tiles": gemm_amx.tiles_amx().address,
            "block": -(-block // gemm_amx.ROWS) * gemm_amx.ROWS,
            "spare_pixels": rows - 1,
            "margin_bytes": fields["margin_bytes"] + gemm_amx.ROWS * fields["column_bytes"],
            "tile_rows": rows,
            "tile_configuration": self._configurations[rows].ctypes.data,
        }


@specialized
def sum_tiles(form, lanes, widest, offsets, sums, description, pixels):
    """Compute the sums of `pixels` pixels in the tiles of `form`, of so many lanes and vectors."""
    d = array_at(description, 1, LAYER)[0]
    stride = d.sums_bytes
    for group in range(d.groups):
        column, end = group * d.vectors, (group + 1) * d.vectors
        while column < end:
            n = tile_columns(end - column, widest)
            if pixels == 1 and end - column >= 2 * widest:
                n = 2 * widest
            to, start = sums + column * lanes * 4, d.start + column * lanes * 4
            w, x = d.weights + column * d.weights_stride, group * d.group_bytes
            p = 0
            while p + 3 < pixels:
                gemm_tile(
                    form, 6, n, to + p * stride, stride, lanes * 4, x, offsets + 8 * p,
                    d.segments, d.segment_count, d.steps, w, start,
                )  # fmt: skip
                p += 6
            if p + 1 < pixels:
                gemm_tile(
                    form, 3, n, to + p * stride, stride, lanes * 4, x, offsets + 8 * p,
                    d.segments, d.segment_count, d.steps, w, start,
                )  # fmt: skip
            elif p < pixels:
                gemm_tile(
                    form, 1, n, to + p * stride, stride, lanes * 4, x, offsets + 8 * p,
                    d.segments, d.segment_count, d.steps, w, start,
                )  # fmt: skip
            column += n
    return 1


@entry
def tiles_blocked(offsets, sums, description, first, end):
    """Sum with products of int16."""
    return sum_tiles("blocked", LANES256, WIDEST256, offsets, sums, description, end)


@entry
def tiles_vnni256(offsets, sums, description, first, end):
    """Sum with vpdpbusd on 256 bits."""
    return sum_tiles("vnni256", LANES256, WIDEST256, offsets, sums, description, end)


@entry
def tiles_vnni512(offsets, sums, description, first, end):
    """Sum with vpdpbusd on 512 bits."""
    return sum_tiles("vnni512", LANES512, WIDEST512, offsets, sums, description, end)


TILES = {"blocked": tiles_blocked, "vnni256": tiles_vnni256, "vnni512": tiles_vnni512}
