"""MACs of a run that is repeated: weights decoded once, several output blocks in one register tile.

The same sums as multiply.py, modulo 2^32, where order and zero points may be moved freely. What
depends on the program alone (weights, addresses, offsets) stands in one row of integers for each
MAC; the entries are called by address (kernels/entry.py) and see nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, kernel, specialized
from npusim.datapath.weight_decode import PWLQ
from npusim.simulator.kernels.entry import array_at
from npusim.simulator.kernels.epilogue import LANES
from npusim.simulator.kernels.gemm_tile import depthwise_tile, gemm_tile, tile_lanes, tile_vectors
from npusim.simulator.machine.multiply import (
    ACC,
    ACC_STRIDE,
    ACCUMULATE,
    ACT,
    CB,
    CB_STRIDE,
    DEPTHWISE,
    FORMAT,
    KH,
    KH_STRIDE,
    KW,
    KW_STRIDE,
    OB,
    OB_STRIDE,
    ROW_FIRST,
    STEP,
    TILE_ROWS,
    UNSIGNED,
    WARM,
    X_STRIDE,
    Y_STRIDE,
    ZERO_POINT,
    X,
    Y,
    is_active,
    stored_bits,
)
from npusim.simulator.machine.multiply_fast import (
    REGIONS,
    code_of,
    operands_wrap,
    reads_range,
    weight_table,
)

PIXELS = 6
"""Most pixels of a register tile."""
SIGN_FLIP = 128
CALL_WORDS = 27


def is_repeatable(o: NDArray[np.int64]) -> bool:
    """Return whether the entries below compute MAC `o` (OPERANDS): no word is met twice."""
    if operands_wrap(o):
        return False
    if o[DEPTHWISE]:
        steps = o[STEP] > 0 and o[WARM] >= o[TILE_ROWS] - 1 and o[ROW_FIRST] == 0
        results = o[Y] * max(0, (o[X] - o[WARM] + o[STEP] - 1) // max(o[STEP], 1))
        return bool(steps and (o[OB] == 1 or o[ACC_STRIDE] >= results))
    return bool(o[OB] == 1 or o[ACC_STRIDE] >= o[Y] * o[X])


@kernel
def dense_weights(o, wgt, first, taps, lanes):
    """Return int16 [vectors steps lanes taps] of the weight tiles from word `first` of `wgt` on.

    Vectors are columns in `lanes`, of a region, of an output block; steps are `taps` rows each.
    """
    size, rows, bits = wgt.shape[1], o[TILE_ROWS], stored_bits(o)
    regions = REGIONS if o[FORMAT] == PWLQ else 1
    tile_words, steps = (rows * bits + 7) // 8, (rows + taps - 1) // taps
    reduction, columns = o[CB] * o[KH] * o[KW], (size + lanes - 1) // lanes
    table = np.zeros((256, REGIONS), np.int64)
    weight_table(o, table)
    packed = np.zeros((o[OB] * regions * columns, reduction * steps, lanes, taps), np.int16)
    for ob in range(o[OB]):
        for tile in range(reduction):
            at = first + (ob * reduction + tile) * tile_words
            for row in range(rows):
                if not is_active(row, tile // (o[KH] * o[KW]), o):
                    continue
                word, low, step = at + row * bits // 8, row * bits % 8, tile * steps + row // taps
                for c in range(size):
                    code = code_of(wgt, word, c, low, bits)
                    for region in range(regions):
                        vector = (ob * regions + region) * columns + c // lanes
                        packed[vector, step, c % lanes, row % taps] = table[code, region]
    return packed


@kernel
def depthwise_weights(o, wgt, first):
    """Return int16 [blocks regions columns, pairs, LANES, 2]: a depthwise MAC's taps in pairs."""
    size, rows, bits = wgt.shape[1], o[TILE_ROWS], stored_bits(o)
    regions = REGIONS if o[FORMAT] == PWLQ else 1
    tile_words, tiles = (rows * bits + 7) // 8, o[CB] * o[KH] * o[KW]
    columns, pairs = (size + LANES - 1) // LANES, (tiles * rows + 1) // 2
    table = np.zeros((256, REGIONS), np.int64)
    weight_table(o, table)
    packed = np.zeros((o[OB] * regions * columns, pairs, LANES, 2), np.int16)
    for ob in range(o[OB]):
        for tile in range(tiles):
            at = first + (ob * tiles + tile) * tile_words
            for row in range(rows):
                if not is_active(row, tile // (o[KH] * o[KW]), o):
                    continue
                tap = tile * rows + row
                for c in range(size):
                    code = code_of(wgt, at + row * bits // 8, c, row * bits % 8, bits)
                    for region in range(regions):
                        vector = (ob * regions + region) * columns + c // LANES
                        packed[vector, tap // 2, c % LANES, tap % 2] = table[code, region]
    return packed


def tile_offsets(o: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each reduction tile the ACT words from a pixel to what it reads."""
    cb, kh, kw = np.indices((o[CB], o[KH], o[KW])).reshape(3, -1)
    return cb * o[CB_STRIDE] + kh * o[KH_STRIDE] + kw * o[KW_STRIDE]


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
        depthwise, regions = bool(o[DEPTHWISE]), REGIONS if o[FORMAT] == PWLQ else 1
        decoding = (*o[DEPTHWISE:ROW_FIRST], *o[ROW_FIRST:ACC_STRIDE], *o[FORMAT:OB])
        key = (source, *map(int, decoding), *map(int, o[[OB, CB, KH, KW]]))
        if key not in self.weights:
            self.weights[key] = self._decoded(o, wgt, first)
        packed, start = self.weights[key]
        low, high = reads_range(o)
        flip = 0 if o[UNSIGNED] else SIGN_FLIP
        u8s8 = self.taps == 4 and not depthwise
        item = 1 if u8s8 else 2
        places = tile_offsets(o)
        if depthwise:
            taps = np.arange(o[TILE_ROWS])
            places = (places[:, None] - taps * o[X_STRIDE]).ravel()
            places = np.append(places, places[: len(places) % 2])  # an odd tap of weight zero
        places = np.ascontiguousarray(places * (self.size * item), np.int64)
        places = self.offsets.setdefault(places.tobytes(), places)
        columns = -(-self.size // (LANES if depthwise else self.lanes))
        return [
            int(low), int(high), flip, int(o[ZERO_POINT]), self.size, regions, columns,
            int(o[ACT]), int(o[OB]), int(o[OB_STRIDE]), int(o[Y]), int(o[Y_STRIDE]), int(o[X]),
            int(o[X_STRIDE]), int(o[WARM]), int(o[STEP]), int(o[ACC]), int(o[ACC_STRIDE]),
            int(o[ACCUMULATE]), places.ctypes.data, len(places), packed.ctypes.data,
            packed.shape[1], start.ctypes.data, self.operands.ctypes.data, self.sums.ctypes.data,
            self.acc_regions,
        ]  # fmt: skip

    def _decoded(
        self, o: NDArray[np.int64], wgt: NDArray[np.uint8], first: int
    ) -> tuple[NDArray, NDArray]:
        """Return the packed weights and the sums that they start from."""
        if o[DEPTHWISE]:
            packed = depthwise_weights(o, wgt, first)
            return packed, np.zeros(len(packed) * LANES, np.int32)
        wide = dense_weights(o, wgt, first, self.taps, self.lanes)
        if self.form == "blocked":
            return wide, np.zeros(wide.shape[0] * self.lanes, np.int32)
        zero = int(o[ZERO_POINT]) + (0 if o[UNSIGNED] else SIGN_FLIP)
        start = -zero * wide.sum(axis=(1, 3), dtype=np.int64)
        return wide.astype(np.int8), start.astype(np.uint32).view(np.int32).ravel()


(
    _LOW, _HIGH, _FLIP, _ZERO, _SIZE, _REGIONS, _COLUMNS,
    _ACT, _OB, _OB_STRIDE, _Y, _Y_STRIDE, _X, _X_STRIDE, _WARM, _STEP, _ACC, _ACC_STRIDE,
    _ACCUMULATE, _PLACES, _PLACE_COUNT, _WEIGHTS, _STEPS, _START, _OPERANDS, _SUMS, _ACC_REGIONS,
) = range(CALL_WORDS)  # fmt: skip


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
        offset = np.int16(flip + g[_ZERO])
        for i in range(np.uintp(count)):
            operands[i] = np.int16(act[i] ^ np.uint8(flip)) - offset
    word = size * item
    per_block = g[_REGIONS] * g[_COLUMNS]
    vectors, steps = g[_OB] * per_block, g[_STEPS] // g[_PLACE_COUNT]
    w_stride, vector_bytes = g[_STEPS] * lanes * 4, lanes * 4
    pixels, row_words = g[_Y] * g[_X], g[_ACC_REGIONS] * size
    offsets = np.empty(PIXELS, np.int64)
    sums = array_at(g[_SUMS], PIXELS * 4 * lanes, np.int32)
    vector = 0
    while vector < vectors:
        left = vectors - vector
        if g[_OB_STRIDE] != 0:
            left = per_block - vector % per_block
        n = min(4 if left >= 4 else (2 if left >= 2 else 1), widest)
        base = g[_ACT] + vector // per_block * g[_OB_STRIDE] - low
        p, y, x = 0, 0, 0
        while p < pixels:
            rest = pixels - p
            tile = 6 if rest > 3 else (3 if rest > 1 else 1)
            at = 0
            for i in range(tile):
                if i < rest:
                    at = (base + y * g[_Y_STRIDE] + x * g[_X_STRIDE]) * word
                    x += 1
                    if x == g[_X]:
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
                to = (g[_ACC] + block * g[_ACC_STRIDE] + p) * row_words + region * size + column
                wide = np.uintp(min(lanes, size - column))
                for i in range(min(tile, rest)):
                    acc = array_at(acc_address + (to + i * row_words) * 4, lanes, np.int32)
                    start = np.uintp((i * n + v) * lanes)
                    if g[_ACCUMULATE]:
                        for c in range(wide):
                            acc[c] += sums[start + c]
                    else:
                        for c in range(wide):
                            acc[c] = sums[start + c]
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
    mask, offset = np.uint8(g[_FLIP]), np.int16(g[_FLIP] + g[_ZERO])
    for i in range(np.uintp(count)):
        operands[i] = np.int16(act[i] ^ mask) - offset
    row_words, pairs = g[_ACC_REGIONS] * size, g[_PLACE_COUNT] // 2
    columns, regions = g[_COLUMNS], g[_REGIONS]
    row_results = (g[_X] - g[_WARM] + g[_STEP] - 1) // g[_STEP]
    results = g[_Y] * max(row_results, 0)
    offsets = np.empty(PIXELS, np.int64)
    sums = array_at(g[_SUMS], PIXELS * LANES, np.int32)
    for vector in range(g[_OB] * regions * columns):
        block, part = vector // (regions * columns), vector % (regions * columns)
        region, column = part // columns, part % columns * LANES
        to = (g[_ACC] + block * g[_ACC_STRIDE]) * row_words + region * size + column
        base = g[_ACT] + block * g[_OB_STRIDE] - low
        wide = np.uintp(min(LANES, size - column))
        p, y, x = 0, 0, 0
        while p < results:
            taken = min(PIXELS, results - p)
            at = 0
            for i in range(PIXELS):
                if i < taken:
                    read = g[_WARM] + x * g[_STEP]
                    at = base + y * g[_Y_STRIDE] + read * g[_X_STRIDE]
                    at = (at * size + column) * 2
                    x += 1
                    if x == row_results:
                        x, y = 0, y + 1
                offsets[i] = at
            depthwise_tile(
                LANES, 6, g[_SUMS], LANES * 4, g[_OPERANDS], offsets.ctypes.data, g[_PLACES], pairs,
                g[_WEIGHTS] + vector * pairs * LANES * 4, LANES * 4, g[_START] + vector * LANES * 4,
            )  # fmt: skip
            for i in range(taken):
                acc = array_at(acc_address + (to + (p + i) * row_words) * 4, LANES, np.int32)
                start = np.uintp(i * LANES)
                if g[_ACCUMULATE]:
                    for c in range(wide):
                        acc[c] += sums[start + c]
                else:
                    for c in range(wide):
                        acc[c] = sums[start + c]
            p += taken
    return 1
