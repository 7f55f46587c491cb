"""Dense and grouped linear layers as matrix products in registers, without im2col.

A pixel's taps are `segments` of contiguous words in the padded input (linear_input.py): one kernel
row each where dilation and groups are 1, one tap each otherwise. Six pixels at a time meet all the
packed weights while they are in registers, and are requantized at once (epilogue.py).

The u8s8 form adds 128 to int8 inputs and takes it back, with the zero point, in each channel's
start value: sum (x - z) * w = sum x * w - z * sum w. Weights beyond int8 are split into parts that
are int8 and run as further taps of the same accumulator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, specialized
from npusim.graph.attributes import Window
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import pack_constants, padded_channels, requantize_rows
from npusim.kernels.gemm_tile import gemm_tile, tile_lanes, tile_vectors
from npusim.kernels.linear_input import MARGIN, chunk_size, copy_padded, locate_pixels
from npusim.runtimes.requantization import FloatRequantization, Requantization

GEOMETRY_WORDS = 33


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
        self.entry = ENTRIES[form]()
        self.window, self.groups = window, groups
        self.terms, self.filters, kernel_h, kernel_w, self.group_channels = planes.shape
        zero_point = input_zero_point + 128 * input_is_signed
        self.flip = 128 * input_is_signed
        u8s8 = form != "blocked"
        self.offset, self.pad = (0, zero_point) if u8s8 else (zero_point, 0)
        taps_per_word, self.item_bytes = (4, 1) if u8s8 else (2, 2)

        weights = self._by_column(planes.astype(np.int64))
        parts = split_int8(weights) if u8s8 else [weights]
        self.parts = len(parts)
        self.joined = groups == 1 and window.dilation[1] == 1
        rows, run = (kernel_h, kernel_w) if self.joined else (kernel_h * kernel_w, 1)
        run *= self.group_channels
        self.steps = -(-run // taps_per_word)
        self.segment_count = rows * self.parts
        packed = np.zeros((len(weights), self.parts, rows, self.steps * taps_per_word), np.int64)
        for p, part in enumerate(parts):
            packed[:, p, :, :run] = part.reshape(len(weights), rows, run)
        lanes = tile_lanes(form)
        packed = packed.reshape(len(weights) // lanes, lanes, -1, taps_per_word).swapaxes(1, 2)
        self.weights = np.ascontiguousarray(packed, np.int8 if u8s8 else np.int16)
        start = -zero_point * weights.reshape(len(weights), -1).sum(1) if u8s8 else 0
        start = np.broadcast_to(start, len(weights)).copy()
        if isinstance(requantization, FloatRequantization):
            start += self._by_column(requantization.bias.reshape(1, -1, 1, 1, 1)).ravel()
        self.start = start.astype(np.uint32).view(np.int32)  # modulo 2^32, as the sums
        self.epilogue, self.constants = pack_constants(requantization, groups)
        self.bounds = (requantization.zero_point, requantization.low, requantization.high)

    def _by_column(self, planes: NDArray) -> NDArray[np.int64]:
        """Return [J OC ...] as [columns ...]: group by group, term by term, channels padded."""
        terms, filters = planes.shape[:2]
        grouped = planes.reshape(terms, self.groups, filters // self.groups, *planes.shape[2:])
        grouped = grouped.swapaxes(0, 1)
        width = padded_channels(grouped.shape[2])
        columns = np.zeros((*grouped.shape[:2], width, *grouped.shape[3:]), np.int64)
        columns[:, :, : grouped.shape[2]] = grouped
        return columns.reshape(-1, *planes.shape[2:])

    def geometry(self, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the kernel's description of the layer on images of height x width, and segments.

        The arrays hold addresses of this layer's arrays: keep the layer alive.
        """
        window, item = self.window, self.item_bytes
        out_h, out_w = window.output_size(height, width)
        top, _, left, right = window.padding
        channels = self.group_channels * self.groups
        line = (left + width + right) * channels * item
        images, rows = chunk_size(out_h, out_w)
        tap_rows = np.arange(window.kernel[0]) * window.dilation[0] * line
        if not self.joined:
            tap_columns = np.arange(window.kernel[1]) * window.dilation[1] * channels * item
            tap_rows = (tap_rows[:, None] + tap_columns).ravel()
        segments = np.tile(tap_rows, self.parts).astype(np.int64)
        description = [
            height, width, channels, out_h, out_w, self.filters, images, rows, top, left, right,
            window.stride[0], window.stride[1] * channels * item,
            (window.kernel[0] - 1) * window.dilation[0] + 1, line, self.flip, self.offset, self.pad,
            self.groups, self.terms, self.group_channels * item,
            segments.ctypes.data, self.segment_count, self.steps,
            self.weights.ctypes.data, self.weights[0].nbytes, self.start.ctypes.data,
            self.epilogue, self.constants.ctypes.data, self.constants.shape[1], *self.bounds,
        ]  # fmt: skip
        return np.array(description, np.int64), segments


@specialized
def run_gemm(form, element, x_address, y_address, description, first, last):
    """Compute output rows first .. last - 1 with the tiles of `form`, on a buffer of `element`."""
    g = array_at(description, GEOMETRY_WORDS, np.int64)
    lanes, widest = tile_lanes(form), tile_vectors(form)
    height, width, channels, out_h, out_w, filters = g[0], g[1], g[2], g[3], g[4], g[5]
    most_images, most_rows, top, left, right = g[6], g[7], g[8], g[9], g[10]
    stride, column_step, span, line = g[11], g[12], g[13], g[14]
    flip, offset, pad = np.uint8(g[15]), np.int16(g[16]), element(g[17])
    groups, terms, group_bytes = g[18], g[19], g[20]
    segments, count, steps, weights, w_stride, start = g[21], g[22], g[23], g[24], g[25], g[26]
    epilogue, constants, constants_stride, zero, low, high = (
        g[27],
        g[28],
        g[29],
        g[30],
        g[31],
        g[32],
    )
    x = array_at(x_address, (last + out_h - 1) // out_h * height * width * channels, np.uint8)
    group_filters = filters // groups
    vectors = terms * ((group_filters + 15) // 16 * 16) // lanes
    acc_stride = groups * vectors * lanes * 4
    most_images = min(most_images, (last - first + out_h - 1) // out_h)
    chunk_lines = (min(most_rows, last - first) - 1) * stride + span
    item = np.empty(0, element).itemsize
    buffer = np.empty(most_images * chunk_lines * (line // item) + MARGIN, element)
    pixels_most = most_images * min(most_rows, last - first) * out_w
    offsets = np.empty((pixels_most + 5) // 6 * 6, np.int64)
    accumulators = np.empty(6 * groups * vectors * lanes, np.int32)
    acc, base, at = accumulators.ctypes.data, buffer.ctypes.data, offsets.ctypes.data
    row = first
    while row < last:
        image = row // out_h
        out_row = row - image * out_h
        images, rows = 1, min(most_rows, min(out_h - out_row, last - row))
        if rows == out_h:
            images = min(most_images, (last - row) // out_h)
        lines = (rows - 1) * stride + span
        copy_padded(
            x, buffer, image, images, out_row * stride - top, lines, height, width, channels, 1,
            left, right, flip, offset, pad,
        )  # fmt: skip
        pixels = locate_pixels(
            offsets, images, rows, out_w, lines * line, stride * line, column_step
        )
        p = 0
        while p < pixels:
            left_over = pixels - p
            tile_pixels = 6 if left_over > 3 else (3 if left_over > 1 else 1)
            for group in range(groups):
                column, end = group * vectors, (group + 1) * vectors
                while column < end:
                    n = 4 if end - column >= 4 else (2 if end - column >= 2 else 1)
                    n = min(n, widest)
                    gemm_tile(
                        form, tile_pixels, n, acc + column * lanes * 4, acc_stride,
                        base + group * group_bytes, at + 8 * p, segments, count, steps,
                        weights + column * w_stride, w_stride, start + column * lanes * 4,
                    )  # fmt: skip
                    column += n
            requantize_rows(
                epilogue, min(tile_pixels, left_over), acc, groups, terms, group_filters, constants,
                constants_stride, zero, low, high, y_address + (row * out_w + p) * filters,
            )  # fmt: skip
            p += tile_pixels
        row += images * rows
    return buffer.size + offsets.size + accumulators.size  # keeps them alive past their addresses


@entry
def gemm_blocked(x, y, description, first, last):
    """Run a layer with products of int16."""
    return run_gemm("blocked", np.int16, x, y, description, first, last)


@entry
def gemm_vnni256(x, y, description, first, last):
    """Run a layer with vpdpbusd on 256 bits."""
    return run_gemm("vnni256", np.uint8, x, y, description, first, last)


@entry
def gemm_vnni512(x, y, description, first, last):
    """Run a layer with vpdpbusd on 512 bits."""
    return run_gemm("vnni512", np.uint8, x, y, description, first, last)


ENTRIES = {"blocked": gemm_blocked, "vnni256": gemm_vnni256, "vnni512": gemm_vnni512}
