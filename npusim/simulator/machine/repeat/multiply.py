"""MACs of a run that is repeated: weights decoded once, several output blocks in one register tile.

The same sums as multiply.py, modulo 2^32, where order and zero points may be moved freely. What
depends on the program alone (weights, addresses, offsets) stands in one row of integers for each
MAC; the entries are called by address (kernels/entry.py) and see nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.codes import REGIONS
from npusim.datapath.jit import entry, kernel, scalar, specialized
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import LANES
from npusim.kernels.gemm_tile import depthwise_tile, gemm_tile, tile_lanes, tile_vectors
from npusim.simulator.machine import multiply as mac
from npusim.simulator.machine.multiply_fast import (
    PIXELS,
    SIGN_FLIP,
    operands_wrap,
    reads_range,
    weight_table,
)

(
    _LOW, _HIGH, _FLIP, _SIZE, _REGIONS, _COLUMNS, _PLACES, _PLACE_COUNT, _WEIGHTS, _STEPS, _START,
    _OPERANDS, _SUMS, _ACC_REGIONS,
) = range(mac.COUNT, mac.COUNT + 14)  # fmt: skip
CALL_WORDS = _ACC_REGIONS + 1
"""A MAC's operands, and what it is prepared to."""


def is_repeatable(o: NDArray[np.int64]) -> bool:
    """Return whether the entries below compute MAC `o` (its operands): no word is met twice."""
    if operands_wrap(o):
        return False
    if o[mac.DEPTHWISE] and not (
        o[mac.STEP] > 0 and o[mac.WARM] >= o[mac.TILE_ROWS] - 1 and o[mac.ROW_FIRST] == 0
    ):
        return False
    return bool(o[mac.OB] == 1 or o[mac.ACC_STRIDE] >= o[mac.Y] * mac.results_per_row(o))


@kernel
def packed_weights(o, wgt, first, taps, lanes, tile_taps):
    """Return int16 [vectors steps lanes taps] of the weight tiles from word `first` of `wgt` on.

    Vectors are columns in `lanes`, of a region, of an output block; steps are `taps` rows each, and
    each tile begins `tile_taps` rows after the one before it.
    """
    size, bits, regions = wgt.shape[1], mac.stored_bits(o), mac.regions_of(o)
    reduction, columns = o[mac.CB] * o[mac.KH] * o[mac.KW], (size + lanes - 1) // lanes
    steps = (reduction * tile_taps + taps - 1) // taps
    table = np.zeros((256, REGIONS), np.int64)
    weight_table(o, table)
    packed = np.zeros((o[mac.OB] * regions * columns, steps, lanes, taps), np.int16)
    for ob in range(o[mac.OB]):
        for tile in range(reduction):
            at = first + (ob * reduction + tile) * mac.tile_words(o)
            for row in range(o[mac.TILE_ROWS]):
                if not mac.is_active(row, tile // (o[mac.KH] * o[mac.KW]), o):
                    continue
                step, tap = (tile * tile_taps + row) // taps, (tile * tile_taps + row) % taps
                for c in range(size):
                    code = mac.code_at(wgt, at, c, row, bits)
                    for region in range(regions):
                        vector = (ob * regions + region) * columns + c // lanes
                        packed[vector, step, c % lanes, tap] = table[code, region]
    return packed


def tile_offsets(o: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each reduction tile the ACT words from a pixel to what it reads."""
    cb, kh, kw = np.indices((o[mac.CB], o[mac.KH], o[mac.KW])).reshape(3, -1)
    return cb * o[mac.CB_STRIDE] + kh * o[mac.KH_STRIDE] + kw * o[mac.KW_STRIDE]


class Multiplier:
    """Decodes MACs to rows of integers; keeps what their addresses point at.

    `form`: of gemm_tile.py. One buffer each for operands and sums serves all, since MACs run one
    after the other.
    """

    def __init__(self, form: str, act_words: int, size: int, acc_regions: int) -> None:
        self.form, self.size, self.acc_regions = form, size, acc_regions
        self.taps = 2 if form == "blocked" else 4
        self.lanes = tile_lanes(form)
        self.operands = np.zeros(act_words * size + 64, np.int16)
        self.sums = np.zeros(PIXELS * 4 * LANES, np.int32)
        self.weights: dict[tuple[object, ...], tuple[NDArray, NDArray]] = {}
        self.offsets: dict[bytes, NDArray[np.int64]] = {}

    def row(
        self, o: NDArray[np.int64], wgt: NDArray[np.uint8], source: object, first: int
    ) -> list[int]:
        """Return the CALL_WORDS of MAC `o`, whose weights begin at word `first` of `wgt`.

        `source` names the contents of those words: equal sources are decoded once.
        """
        depthwise = bool(o[mac.DEPTHWISE])
        decoding = (*o[mac.DEPTHWISE : mac.ACC_STRIDE], *o[mac.FORMAT : mac.OB])
        key = (source, *map(int, decoding), *map(int, o[[mac.OB, mac.CB, mac.KH, mac.KW]]))
        if key not in self.weights:
            self.weights[key] = self._decoded(o, wgt, first)
        packed, start = self.weights[key]
        low, high = reads_range(o)
        flip = 0 if o[mac.UNSIGNED] else SIGN_FLIP
        u8s8 = self.taps == 4 and not depthwise
        item = 1 if u8s8 else 2
        places = tile_offsets(o)
        if depthwise:
            taps = np.arange(o[mac.TILE_ROWS])
            places = (places[:, None] - taps * o[mac.X_STRIDE]).ravel()
            places = np.append(places, places[: len(places) % 2])  # an odd tap of weight zero
        places = np.ascontiguousarray(places * (self.size * item), np.int64)
        places = self.offsets.setdefault(places.tobytes(), places)
        columns = -(-self.size // (LANES if depthwise else self.lanes))
        return [
            *o.tolist(), int(low), int(high), flip, self.size, mac.regions_of(o), columns,
            places.ctypes.data, len(places), packed.ctypes.data, packed.shape[1],
            start.ctypes.data, self.operands.ctypes.data, self.sums.ctypes.data, self.acc_regions,
        ]  # fmt: skip

    def _decoded(
        self, o: NDArray[np.int64], wgt: NDArray[np.uint8], first: int
    ) -> tuple[NDArray, NDArray]:
        """Return the packed weights and the sums that they start from."""
        rows = int(o[mac.TILE_ROWS])
        if o[mac.DEPTHWISE]:
            packed = packed_weights(o, wgt, first, 2, LANES, rows)
            return packed, np.zeros(len(packed) * LANES, np.int32)
        whole_steps = -(-rows // self.taps) * self.taps
        wide = packed_weights(o, wgt, first, self.taps, self.lanes, whole_steps)
        if self.form == "blocked":
            return wide, np.zeros(wide.shape[0] * self.lanes, np.int32)
        zero = int(o[mac.ZERO_POINT]) + (0 if o[mac.UNSIGNED] else SIGN_FLIP)
        start = -zero * wide.sum(axis=(1, 3), dtype=np.int64)
        return wide.astype(np.int8), start.astype(np.uint32).view(np.int32).ravel()


@scalar
def centre(act, operands, count, flip, zero_point):
    """Put `count` bytes less their zero point into int16 operands."""
    mask, offset = np.uint8(flip), np.int16(flip + zero_point)
    for i in range(np.uintp(count)):
        operands[i] = np.int16(act[i] ^ mask) - offset


@scalar
def keep_sums(address, step_bytes, sums, sums_step_bytes, pixels, lanes, accumulate):
    """Store, or add, the sums of `pixels` pixels, `lanes` of each, to accumulators.

    Those of the first pixel lie from `address` on, its sums from address `sums`; those of each
    further pixel so many bytes behind those of the one before.
    """
    for i in range(pixels):
        acc = array_at(address + i * step_bytes, lanes, np.int32)
        found = array_at(sums + i * sums_step_bytes, lanes, np.int32)
        if accumulate:
            for c in range(np.uintp(lanes)):
                acc[c] += found[c]
        else:
            for c in range(np.uintp(lanes)):
                acc[c] = found[c]


@specialized
def dense(form, element, act_address, acc_address, description):
    """Carry out a dense MAC with the tiles of `form`, whose operands are `element`."""
    g = array_at(description, CALL_WORDS, np.int64)
    size, low, flip = g[_SIZE], g[_LOW], g[_FLIP]
    lanes, widest = tile_lanes(form), tile_vectors(form)
    item = np.empty(0, element).itemsize
    count = (g[_HIGH] - low + 1) * size
    act = array_at(act_address + low * size, count, np.uint8)
    operands = array_at(g[_OPERANDS], count, element)
    if item == 1:
        mask = np.uint8(flip)
        for i in range(np.uintp(count)):
            operands[i] = act[i] ^ mask
    else:
        centre(act, operands, count, flip, g[mac.ZERO_POINT])
    word = size * item
    per_block = g[_REGIONS] * g[_COLUMNS]
    vectors, steps = g[mac.OB] * per_block, g[_STEPS] // g[_PLACE_COUNT]
    w_stride, vector_bytes = g[_STEPS] * lanes * 4, lanes * 4
    pixels, row_words = g[mac.Y] * g[mac.X], g[_ACC_REGIONS] * size
    offsets = np.empty(PIXELS, np.int64)
    vector = 0
    while vector < vectors:
        left = vectors - vector
        if g[mac.OB_STRIDE] != 0:
            left = per_block - vector % per_block
        n = min(4 if left >= 4 else (2 if left >= 2 else 1), widest)
        base = g[mac.ACT] + vector // per_block * g[mac.OB_STRIDE] - low
        p, y, x = 0, 0, 0
        while p < pixels:
            rest = pixels - p
            tile = 6 if rest > 3 else (3 if rest > 1 else 1)
            at = 0
            for i in range(tile):
                if i < rest:
                    at = (base + y * g[mac.Y_STRIDE] + x * g[mac.X_STRIDE]) * word
                    x += 1
                    if x == g[mac.X]:
                        x, y = 0, y + 1
                offsets[i] = at
            gemm_tile(
                form, tile, n, g[_SUMS], n * vector_bytes, g[_OPERANDS], offsets.ctypes.data,
                g[_PLACES], g[_PLACE_COUNT], steps, g[_WEIGHTS] + vector * w_stride, w_stride,
                g[_START] + vector * vector_bytes,
            )  # fmt: skip
            for v in range(n):
                block, part = (vector + v) // per_block, (vector + v) % per_block
                region, column = part // g[_COLUMNS], part % g[_COLUMNS] * lanes
                word_of_p = g[mac.ACC] + block * g[mac.ACC_STRIDE] + p
                to = word_of_p * row_words + region * size + column
                keep_sums(
                    acc_address + to * 4, row_words * 4, g[_SUMS] + v * vector_bytes,
                    n * vector_bytes, min(tile, rest), min(lanes, size - column),
                    g[mac.ACCUMULATE],
                )  # fmt: skip
            p += tile
        vector += n
    return 1


@entry
def dense_blocked(act, acc, description, first, end):
    """Carry out a dense MAC with products of int16."""
    return dense("blocked", np.int16, act, acc, description)


@entry
def dense_vnni256(act, acc, description, first, end):
    """Carry out a dense MAC with vpdpbusd on 256 bits."""
    return dense("vnni256", np.uint8, act, acc, description)


@entry
def dense_vnni512(act, acc, description, first, end):
    """Carry out a dense MAC with vpdpbusd on 512 bits."""
    return dense("vnni512", np.uint8, act, acc, description)


DENSE = {"blocked": dense_blocked, "vnni256": dense_vnni256, "vnni512": dense_vnni512}


@entry
def depthwise(act_address, acc_address, description, first, end):
    """Carry out a depthwise MAC: all its taps of six results in registers."""
    g = array_at(description, CALL_WORDS, np.int64)
    size, low = g[_SIZE], g[_LOW]
    count = (g[_HIGH] - low + 1) * size
    act = array_at(act_address + low * size, count, np.uint8)
    operands = array_at(g[_OPERANDS], count, np.int16)
    centre(act, operands, count, g[_FLIP], g[mac.ZERO_POINT])
    row_words, pairs = g[_ACC_REGIONS] * size, g[_PLACE_COUNT] // 2
    columns, regions = g[_COLUMNS], g[_REGIONS]
    row_results = mac.results_per_row(g)
    results = g[mac.Y] * row_results
    offsets = np.empty(PIXELS, np.int64)
    for vector in range(g[mac.OB] * regions * columns):
        block, part = vector // (regions * columns), vector % (regions * columns)
        region, column = part // columns, part % columns * LANES
        to = (g[mac.ACC] + block * g[mac.ACC_STRIDE]) * row_words + region * size + column
        base = g[mac.ACT] + block * g[mac.OB_STRIDE] - low
        p, y, x = 0, 0, 0
        while p < results:
            taken = min(PIXELS, results - p)
            at = 0
            for i in range(PIXELS):
                if i < taken:
                    read = g[mac.WARM] + x * g[mac.STEP]
                    at = base + y * g[mac.Y_STRIDE] + read * g[mac.X_STRIDE]
                    at = (at * size + column) * 2
                    x += 1
                    if x == row_results:
                        x, y = 0, y + 1
                offsets[i] = at
            depthwise_tile(
                LANES, 6, g[_SUMS], LANES * 4, g[_OPERANDS], offsets.ctypes.data, g[_PLACES], pairs,
                g[_WEIGHTS] + vector * pairs * LANES * 4, LANES * 4, g[_START] + vector * LANES * 4,
            )  # fmt: skip
            keep_sums(
                acc_address + (to + p * row_words) * 4, row_words * 4, g[_SUMS], LANES * 4, taken,
                min(LANES, size - column), g[mac.ACCUMULATE],
            )  # fmt: skip
            p += taken
    return 1
