"""MACs as calls: weights decoded once, several output blocks in one register tile.

The same sums as plain/mac.py, modulo 2^32, where order and zero points may be moved freely:
sum (x - z) * w = sum x * w - z * sum w. A pixel's reduction is a list of segments of ACT, one for
each tile of an output block, so that the tiles of kernels/gemm_tile.py apply; masked rows are zero
weights. What depends on the program alone (weights, addresses, offsets) stands in one record for
each MAC; the entries are called by address (kernels/entry.py) and see nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import entry, kernel, scalar, specialized
from npusim.isa.instructions import mac
from npusim.isa.nest import Column, Mask
from npusim.isa.page import Group
from npusim.kernels.entry import array_at
from npusim.kernels.epilogue import LANES
from npusim.kernels.gemm_tile import (
    depthwise_tile,
    gemm_tile,
    in_tiles,
    tile_columns,
    tile_lanes,
    tile_vectors,
    vector_form,
)
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Call, Records, address_of, record, records
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain import mac as plain

PIXELS = 6
"""Most pixels of a register tile."""
SIGN_FLIP = 128

CALL = record(
    "low", "high", "flip", "size", "columns", "offsets", "offset_count", "weights", "steps",
    "start", "operands", "sums", "acc_regions",
    before=plain.OPERANDS,
)  # fmt: skip
"""A MAC's operands, and what it is prepared to: the least and greatest ACT word that it reads,
vectors of a region in `columns`, and addresses of what Macs keeps."""

_DECODED = (
    "depthwise", "rows", "row_first", "row_end", "format", "bits", "unsigned", "zero_point",
    "ob", "cb", "kh", "kw", "slice", *plain.LEVEL_REGISTERS,
)  # fmt: skip
"""What decoded weights depend on, beside their bytes."""
_WALKED = (
    "depthwise", "window", "rows", "taps", "y_stride", "x_stride", "cb", "cb_stride", "kh",
    "kh_stride", "kw", "kw_stride", "slice", "words", "rows", "row_end",
)  # fmt: skip
"""What the offsets of a pixel's reduction depend on."""


def is_prepared(group: Group, rows: Records) -> Mask:
    """Return which MACs the entries below compute, if nothing wraps: no word is met twice."""
    least = np.where(rows["unsigned"] == 1, 0, -SIGN_FLIP)
    in_range = (rows["zero_point"] >= least) & (rows["zero_point"] <= least + 255)
    after, above = _most_delays(rows)
    shifted = (rows["warm"] >= after) & (rows["row_warm"] >= above) & (rows["row_first"] == 0)
    apart = (rows["ob"] == 1) | (rows["acc_stride"] >= mac.results(group))
    return in_range & apart & ((rows["depthwise"] == 0) | shifted)


def _most_delays(rows: Records) -> tuple[Column, Column]:
    """Return by how many reads of a row, and by how many rows, operands of MACs are late."""
    last, taps, window = rows["rows"] - 1, rows["taps"], rows["window"] == 1
    above = np.where(window, np.minimum(last // np.maximum(taps, 1), mac.LINES), 0)
    above = np.where(taps == 0, 0, above)
    after = np.maximum(last - above * taps, np.where(above > 0, taps - 1, 0))
    return after, above


class Macs:
    """The MACs of a program on `state`; keeps what the addresses in their records point at.

    `form`: of gemm_tile.py. One buffer each for operands and sums serves all, since MACs run one
    after the other.
    """

    def __init__(self, group: Group, machine: Machine, state: State, form: str) -> None:
        self.form, self.size, self.state = vector_form(form), machine.size, state
        self.taps = 2 if self.form == "blocked" else 4
        self.lanes = tile_lanes(self.form)
        self.operands = np.zeros(machine.act_words * self.size + 64, np.int16)
        self.sums = np.zeros(PIXELS * 4 * LANES, np.int32)
        self.weights: dict[tuple[bytes, bytes], tuple[NDArray, int, NDArray]] = {}
        self.offsets: dict[bytes, NDArray[np.int64]] = {}
        self.weight_words = mac.tiles(group) * mac.tile_words(group)
        low, high = next(n for n in mac.nests(group, machine) if n.scratchpad == "ACT").bounds()
        lanes = np.where(group["depthwise"] == 1, LANES, self.lanes)
        columns = plain.operands(group, machine) | {
            "low": low, "high": high, "size": self.size, "columns": -(-self.size // lanes),
            "operands": self.operands.ctypes.data, "sums": self.sums.ctypes.data,
            "acc_regions": machine.acc_regions,
        }  # fmt: skip
        self.rows = records(CALL, columns, len(group.pcs))
        self.rows["flip"] = np.where(self.rows["unsigned"] == 1, 0, SIGN_FLIP)
        self.decoding = np.stack([self.rows[name] for name in _DECODED], axis=1)
        self.walks = np.stack([self.rows[name] for name in _WALKED], axis=1)
        self.prepared = is_prepared(group, self.rows)

    def call(self, i: int) -> Call:
        """Return MAC number `i` as a call, with the weights that WGT now holds."""
        o = self.rows[i]
        content = self.state.wgt[o["wgt"] : o["wgt"] + self.weight_words[i]]
        key = content.tobytes(), self.decoding[i].tobytes()
        if key not in self.weights:
            self.weights[key] = self._decoded(i)
        packed, steps, start = self.weights[key]
        walked = self.walks[i].tobytes()
        if walked not in self.offsets:
            self.offsets[walked] = self._offsets(o)
        offsets = self.offsets[walked]
        o["offsets"], o["offset_count"] = offsets.ctypes.data, len(offsets)
        o["weights"], o["steps"] = packed.ctypes.data, steps
        o["start"] = start.ctypes.data
        run = depthwise if o["depthwise"] else DENSE[self.form]
        return run().address, *self.state.addresses, address_of(self.rows, i), 0, 0

    def plain(self, i: int, written: NDArray) -> None:
        """Carry out MAC number `i` row by row."""
        state = self.state
        table = plain.weight_table(self.rows[i])
        plain.multiply(state.act, state.wgt, state.acc, self.rows, i, table, written)

    def _offsets(self, o: Any) -> NDArray[np.int64]:
        """Return the bytes from a pixel's operands to those of each tile, or of each tap of one."""
        cb, kh, kw = np.indices((o["cb"], o["kh"], o["kw"])).reshape(3, -1)
        slices = int(o["slice"]) + cb
        words = (
            slices // o["slices"] * o["words"] * o["cb_stride"]
            + kh * o["kh_stride"]
            + kw * o["kw_stride"]
        )
        item = 1 if self.taps == 4 and not o["depthwise"] else 2
        if o["depthwise"]:
            row = np.arange(o["rows"])
            above = np.minimum(row // max(o["taps"], 1), mac.LINES) if o["window"] else 0 * row
            above *= o["taps"] > 0
            late = above * o["y_stride"] + (row - above * o["taps"]) * o["x_stride"]
            words = (words[:, None] - late).ravel()
            words = np.append(words, words[: len(words) % 2])  # an odd tap of weight zero
        if o["words"] > 1:  # each is a segment; of those that the last tile leaves out, the first
            word = np.arange(o["words"])
            is_read = (cb[:, None] < o["cb"] - 1) | (word * self.size < o["row_end"])
            words = (words[:, None] + word * o["cb_stride"] * is_read).ravel()
            return np.ascontiguousarray(words * (self.size * item), np.int64)
        lanes = words * self.size
        if not o["depthwise"]:
            lanes += slices % o["slices"] * o["array_rows"]
        return np.ascontiguousarray(lanes * item, np.int64)

    def _decoded(self, i: int) -> tuple[NDArray, int, NDArray]:
        """Return the packed weights, their steps, and the sums that they start from."""
        o, wgt = self.rows[i], self.state.wgt
        table = plain.weight_table(o)
        rows = int(o["rows"])
        if o["depthwise"]:
            packed = packed_weights(self.rows, i, table, wgt, 2, LANES, rows)
            return packed, packed.shape[1], np.zeros(len(packed) * LANES, np.int32)
        whole_steps = -(-rows // self.taps) * self.taps
        if o["words"] > 1:
            whole_steps = int(o["words"]) * self.size
        wide = packed_weights(self.rows, i, table, wgt, self.taps, self.lanes, whole_steps)
        together = len(wide) // (o["ob"] if o["ob_stride"] else 1)
        tiles = in_tiles(wide.astype(np.int8), together, tile_vectors(self.form))
        zero = 0 if self.form == "blocked" else int(o["zero_point"] + o["flip"])
        start = -zero * wide.sum(axis=(1, 3), dtype=np.int64)
        return tiles, wide.shape[1], start.astype(np.uint32).view(np.int32).ravel()


@kernel
def packed_weights(rows, i, table, wgt, taps, lanes, tile_taps):
    """Return int16 [vectors steps lanes taps] of the weight tiles of MAC number `i` in `wgt`.

    Vectors are columns in `lanes`, of a region, of an output block; steps are `taps` rows each, and
    each tile begins `tile_taps` rows after the one before it.
    """
    o = rows[i]
    size, bits, regions = wgt.shape[1], o.code_bits, o.regions
    reduction, columns = o.cb * o.kh * o.kw, (size + lanes - 1) // lanes
    steps = (reduction * tile_taps + taps - 1) // taps
    packed = np.zeros((o.ob * regions * columns, steps, lanes, taps), np.int16)
    for ob in range(o.ob):
        for tile in range(reduction):
            at = o.wgt + (ob * reduction + tile) * o.tile_words
            for row in range(o.rows):
                if not plain.is_active(row, tile // (o.kh * o.kw), o):
                    continue
                step, tap = (tile * tile_taps + row) // taps, (tile * tile_taps + row) % taps
                for c in range(size):
                    code = plain.code_at(wgt, at, c, row, bits)
                    for region in range(regions):
                        vector = (ob * regions + region) * columns + c // lanes
                        packed[vector, step, c % lanes, tap] = table[code, region]
    return packed


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
    o = array_at(description, 1, CALL)[0]
    size, low, flip = o.size, o.low, o.flip
    lanes, widest = tile_lanes(form), tile_vectors(form)
    item = np.empty(0, element).itemsize
    count = (o.high - low + 1) * size
    act = array_at(act_address + low * size, count, np.uint8)
    operands = array_at(o.operands, count, element)
    if item == 1:
        mask = np.uint8(flip)
        for i in range(np.uintp(count)):
            operands[i] = act[i] ^ mask
    else:
        centre(act, operands, count, flip, o.zero_point)
    word = size * item
    per_block = o.regions * o.columns
    vectors, steps = o.ob * per_block, o.steps // o.offset_count
    w_stride, vector_bytes = o.steps * lanes * (4 // item), lanes * 4
    pixels, row_words = o.y * o.x, o.acc_regions * size
    offsets = np.empty(PIXELS, np.int64)
    vector = 0
    while vector < vectors:
        left = vectors - vector
        if o.ob_stride != 0:
            left = per_block - vector % per_block
        n = tile_columns(left, widest)
        base = o.act + vector // per_block * o.ob_stride - low
        p, y, x = 0, 0, 0
        while p < pixels:
            rest = pixels - p
            tile = 6 if rest > 3 else (3 if rest > 1 else 1)
            at = 0
            for i in range(tile):
                if i < rest:
                    at = (base + y * o.y_stride + x * o.x_stride) * word
                    x += 1
                    if x == o.x:
                        x, y = 0, y + 1
                offsets[i] = at
            gemm_tile(
                form, tile, n, o.sums, n * vector_bytes, o.operands, offsets.ctypes.data,
                o.offsets, o.offset_count, steps, o.weights + vector * w_stride,
                o.start + vector * vector_bytes,
            )  # fmt: skip
            for v in range(n):
                block, part = (vector + v) // per_block, (vector + v) % per_block
                region, column = part // o.columns, part % o.columns * lanes
                word_of_p = o.acc + block * o.acc_stride + p
                to = word_of_p * row_words + region * size + column
                keep_sums(
                    acc_address + to * 4, row_words * 4, o.sums + v * vector_bytes,
                    n * vector_bytes, min(tile, rest), min(lanes, size - column),
                    o.accumulate,
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
    o = array_at(description, 1, CALL)[0]
    size, low = o.size, o.low
    count = (o.high - low + 1) * size
    act = array_at(act_address + low * size, count, np.uint8)
    operands = array_at(o.operands, count, np.int16)
    centre(act, operands, count, o.flip, o.zero_point)
    row_words, pairs = o.acc_regions * size, o.offset_count // 2
    columns, regions = o.columns, o.regions
    row_results = o.row_results
    results = o.result_rows * row_results
    first_row, row_step = (o.row_warm, o.row_skip + 1) if o.window else (0, 1)
    offsets = np.empty(PIXELS, np.int64)
    for vector in range(o.ob * regions * columns):
        block, part = vector // (regions * columns), vector % (regions * columns)
        region, column = part // columns, part % columns * LANES
        to = (o.acc + block * o.acc_stride) * row_words + region * size + column
        base = o.act + block * o.ob_stride - low
        p, y, x = 0, 0, 0
        while p < results:
            taken = min(PIXELS, results - p)
            at = 0
            for i in range(PIXELS):
                if i < taken:
                    read = o.warm + x * o.step
                    row = first_row + y * row_step
                    at = base + row * o.y_stride + read * o.x_stride
                    at = (at * size + column) * 2
                    x += 1
                    if x == row_results:
                        x, y = 0, y + 1
                offsets[i] = at
            depthwise_tile(
                LANES, 6, o.sums, LANES * 4, o.operands, offsets.ctypes.data, o.offsets, pairs,
                o.weights + vector * pairs * LANES * 4, LANES * 4, o.start + vector * LANES * 4,
            )  # fmt: skip
            keep_sums(
                acc_address + (to + p * row_words) * 4, row_words * 4, o.sums, LANES * 4, taken,
                min(LANES, size - column), o.accumulate,
            )  # fmt: skip
            p += taken
    return 1
