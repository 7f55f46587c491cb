"""Depthwise convolution: sixteen channels of six pixels at a time, taps two by two.

The input is copied once as int16 less its zero point (linear_input.py), each channel repeated for a
depth multiplier, so that output channel and copied channel are the same number. An odd count of
taps ends with a repeated tap of weight zero. int16 operands hold every weight (9 bits) as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry
from npusim.graph.attributes import Window
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import (
    LANES,
    pack_constants,
    padded_channels,
    requantize_rows,
)
from npusim.kernels.gemm_tile import depthwise_tile
from npusim.kernels.linear_input import MARGIN, chunk_size, copy_padded, locate_pixels
from npusim.runtimes.requantization import FloatRequantization, Requantization

GEOMETRY_WORDS = 29


class DepthwiseLayer:
    """The packed weights and constants of one depthwise layer; planes [J OC KH KW 1].

    With `pixels` > 1 as many neighbours are side by side (narrow.py): the planes and constants are
    those of one pixel after the other, and the output is that much narrower.
    """

    def __init__(
        self,
        planes: NDArray[np.int16],
        window: Window,
        groups: int,
        input_zero_point: int,
        requantization: Requantization | FloatRequantization,
        input_is_signed: bool,
        pixels: int = 1,
    ) -> None:
        self.entry = depthwise()
        self.window, self.channels, self.pixels = window, groups, pixels
        self.terms, self.filters = planes.shape[:2]
        self.flip = 128 * input_is_signed
        self.offset = input_zero_point + self.flip
        padded = padded_channels(self.filters)
        taps = planes.reshape(self.terms, self.filters, -1)
        self.pairs = -(-taps.shape[2] // 2)
        full = np.zeros((self.terms, padded, 2 * self.pairs), np.int16)
        full[:, : self.filters, : taps.shape[2]] = taps
        blocks = full.reshape(self.terms * padded // LANES, LANES, self.pairs, 2)
        self.weights = np.ascontiguousarray(blocks.swapaxes(1, 2))
        start = np.zeros((self.terms, padded), np.int64)
        if isinstance(requantization, FloatRequantization):
            start[0, : self.filters] = requantization.bias
        self.start = start.astype(np.uint32).view(np.int32)  # modulo 2^32, as the sums
        self.epilogue, self.constants = pack_constants(requantization, 1)
        self.bounds = (requantization.zero_point, requantization.low, requantization.high)

    def geometry(self, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the kernel's description of the layer on images of height x width, and the taps.

        The arrays hold addresses of this layer's arrays: keep the layer alive.
        """
        window, item = self.window, 2
        out_h, out_w = window.output_size(height, width)
        top, _, left, right = window.padding
        out_w //= self.pixels
        copied = self.filters // self.pixels
        line = (left + width + right) * copied * item
        images, rows = chunk_size(out_h, out_w)
        taps = (
            np.arange(window.kernel[0])[:, None] * (window.dilation[0] * line)
            + np.arange(window.kernel[1]) * (window.dilation[1] * copied * item)
        ).ravel()
        if len(taps) % 2:
            taps = np.append(taps, taps[-1])
        taps = taps.astype(np.int64)
        description = [
            height, width, self.channels, out_h, out_w, self.filters, images, rows, top, left,
            right, window.stride[0], window.stride[1] * self.filters * item,
            (window.kernel[0] - 1) * window.dilation[0] + 1, line, self.flip, self.offset,
            self.terms, taps.ctypes.data, self.pairs, self.weights.ctypes.data,
            self.start.ctypes.data, self.epilogue, self.constants.ctypes.data,
            self.constants.shape[1], *self.bounds, copied // self.channels,
        ]  # fmt: skip
        return np.array(description, np.int64), taps


@entry
def depthwise(x_address, y_address, description, first, last):
    """Compute output rows first .. last - 1; `description` as DepthwiseLayer.geometry lists it."""
    g = array_at(description, GEOMETRY_WORDS, np.int64)
    height, width, channels, out_h, out_w, filters = g[0], g[1], g[2], g[3], g[4], g[5]
    most_images, most_rows, top, left, right = g[6], g[7], g[8], g[9], g[10]
    stride, column_step, span, line = g[11], g[12], g[13], g[14]
    flip, offset = np.uint8(g[15]), np.int16(g[16])
    terms, taps, pairs, weights, start = g[17], g[18], g[19], g[20], g[21]
    form, constants, constants_stride, zero, low, high = g[22], g[23], g[24], g[25], g[26], g[27]
    repeat = g[28]
    x = array_at(x_address, (last + out_h - 1) // out_h * height * width * channels, np.uint8)
    padded = (filters + LANES - 1) // LANES * LANES
    w_block = pairs * LANES * 4
    acc_stride = terms * padded * 4
    most_images = min(most_images, (last - first + out_h - 1) // out_h)
    most_rows = min(most_rows, last - first)
    buffer_size = most_images * ((most_rows - 1) * stride + span) * (line // 2)
    buffer = np.empty(buffer_size + MARGIN, np.int16)
    offsets = np.empty((most_images * most_rows * out_w + 5) // 6 * 6, np.int64)
    accumulators = np.empty(6 * terms * padded, np.int32)
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
            x, buffer, image, images, out_row * stride - top, lines, height, width, channels,
            repeat, left, right, flip, offset, np.int16(0),
        )  # fmt: skip
        pixels = locate_pixels(
            offsets, images, rows, out_w, lines * line, stride * line, column_step
        )
        for p in range(0, pixels, 6):
            for block in range(terms * padded // LANES):
                channel = block * LANES % padded
                depthwise_tile(
                    LANES, 6, acc + block * LANES * 4, acc_stride, base + channel * 2, at + 8 * p,
                    taps, pairs, weights + block * w_block, LANES * 4, start + block * LANES * 4,
                )  # fmt: skip
            requantize_rows(
                form, min(6, pixels - p), acc, 1, terms, filters, constants, constants_stride, zero,
                low, high, y_address + (row * out_w + p) * filters,
            )  # fmt: skip
        row += images * rows
    return buffer.size + offsets.size + accumulators.size  # keeps them alive past their addresses
