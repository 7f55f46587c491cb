"""Depthwise convolution: sixteen channels of six pixels at a time, taps two by two.

The input is copied once as pairs (depthwise_input.py): an element and the one that the next kernel
row reads lie side by side, so that a step of a tile takes two taps of sixteen channels as they lie.
An odd count of kernel rows ends with a row of weights zero. Each channel is repeated for a depth
multiplier, so that output channel and copied channel are the same number; 16-bit operands hold
every weight (9 bits) as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry
from npusim.graph.attributes import Window
from npusim.kernels.depthwise_input import copy_pairs
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import LANES, padded_channels
from npusim.kernels.epilogue_entry import Epilogue
from npusim.kernels.epilogue_high import starting_bias
from npusim.kernels.gemm_tile import paired_tile
from npusim.kernels.linear_input import LAYER, input_geometry, pixels_at_once
from npusim.kernels.linear_walk import described, linear
from npusim.runtimes.requantization import FloatRequantization, Requantization

ITEM_BYTES = 4
"""Of a pair."""


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
        self.entry, self.copy, self.tiles = linear(), copy_pairs(), depthwise_tiles()
        self.window, self.channels, self.pixels = window, groups, pixels
        self.terms, self.filters, kernel_h, kernel_w = planes.shape[:4]
        self.flip = 128 * input_is_signed
        self.zero_point = input_zero_point + self.flip
        self.padded = padded_channels(self.filters)
        pairs = -(-kernel_h // 2)
        full = np.zeros((self.terms, self.padded, 2 * pairs, kernel_w), np.int16)
        full[:, : self.filters, :kernel_h] = planes[..., 0]
        blocks = full.reshape(self.terms * self.padded // LANES, LANES, pairs, 2, kernel_w)
        self.weights = np.ascontiguousarray(blocks.transpose(0, 2, 4, 1, 3))
        start = -self.zero_point * full.astype(np.int64).sum(axis=(2, 3))
        bias, rule = starting_bias(requantization, planes)
        start[0, : self.filters] += bias
        self.start = start.astype(np.uint32).view(np.int32)  # modulo 2^32, as the sums
        self.epilogue = Epilogue(rule, 1)

    def geometry(self, images: int, height: int, width: int) -> tuple[NDArray[np.int64], ...]:
        """Return the layer's description on `images` of height x width, and the pairs of taps.

        The arrays hold addresses of this layer's arrays: keep the layer alive.
        """
        window, repeat = self.window, self.filters // self.pixels // self.channels
        fields = input_geometry(
            window, height, width, self.channels * repeat, ITEM_BYTES, rows_per_tap=2
        )
        pairs, kernel_w = self.weights.shape[1:3]
        columns = np.arange(kernel_w) * window.dilation[1] * self.channels * repeat * ITEM_BYTES
        taps = np.arange(pairs)[:, None] * fields.pop("tap_row_bytes") + columns
        taps = taps.ravel().astype(np.int64)
        fields["channels"] = self.channels
        fields["out_w"] //= self.pixels
        fields["column_bytes"] *= self.pixels
        epilogue, constants = self.epilogue.addresses
        layer = described(
            images, **fields, filters=self.filters, flip=self.flip, pad=self.zero_point,
            repeat=repeat, pair_rows=window.dilation[0], copy=self.copy.address,
            tiles=self.tiles.address,
            epilogue=epilogue, epilogue_description=constants,
            block=pixels_at_once(self.terms * self.padded),
            sums_bytes=4 * self.terms * self.padded, groups=self.terms,
            vectors=self.padded // LANES, segments=taps.ctypes.data, steps=len(taps),
            weights=self.weights.ctypes.data, weights_stride=self.weights[0].nbytes,
            start=self.start.ctypes.data,
        )  # fmt: skip
        return layer, taps


@entry
def depthwise_tiles(offsets, sums, description, first, end):
    """Compute the sums of `end` pixels, block of channels by block; terms lie behind each other."""
    d = array_at(description, 1, LAYER)[0]
    stride = d.sums_bytes
    for block in range(d.groups * d.vectors):
        to, x = sums + block * LANES * 4, block % d.vectors * LANES * ITEM_BYTES
        w, start = d.weights + block * d.weights_stride, d.start + block * LANES * 4
        p = 0
        while p + 3 < end:
            paired_tile(
                6, to + p * stride, stride, x, offsets + 8 * p, d.segments, d.steps, w, start
            )
            p += 6
        if p + 1 < end:
            paired_tile(
                3, to + p * stride, stride, x, offsets + 8 * p, d.segments, d.steps, w, start
            )
        elif p < end:
            paired_tile(
                1, to + p * stride, stride, x, offsets + 8 * p, d.segments, d.steps, w, start
            )
    return 1
