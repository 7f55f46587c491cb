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

from npusim.datapath.jit import kernel
from npusim.isa.instructions import mac
from npusim.isa.nest import Column, Mask
from npusim.isa.page import Group
from npusim.kernels.epilogue import LANES
from npusim.kernels.gemm_tile import in_tiles, tile_lanes, tile_vectors, vector_form
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Call, Records, address_of, records
from npusim.simulator.execute.mac_calls import CALL, DENSE, PIXELS, depthwise
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain import mac as plain

SIGN_FLIP = 128
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
        self.pixels: dict[tuple[int, ...], NDArray[np.int64]] = {}
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
        o["pixels"] = self._pixels(o).ctypes.data
        o["weights"], o["steps"] = packed.ctypes.data, steps
        o["start"] = start.ctypes.data
        run = depthwise if o["depthwise"] else DENSE[self.form]
        return run().address, *self.state.addresses, address_of(self.rows, i), 0, 0

    def plain(self, i: int, written: NDArray) -> None:
        """Carry out MAC number `i` row by row."""
        state = self.state
        table = plain.weight_table(self.rows[i])
        plain.multiply(state.act, state.wgt, state.acc, self.rows, i, table, written)

    def _pixels(self, o: Any) -> NDArray[np.int64]:
        """Return the bytes from the first result's operands to those of each: 64-bit numbers.

        The last one is there again and again, so that a tile never reads behind them.
        """
        columns, rows, column, row = (int(o[name]) for name in ("x", "y", "x_stride", "y_stride"))
        item = self._operand_bytes(o)
        if o["depthwise"]:
            columns, column = int(o["row_results"]), column * int(o["step"])
            if o["window"]:
                rows, row = int(o["result_rows"]), row * (int(o["row_skip"]) + 1)
        key = columns, rows, column, row, item
        if key not in self.pixels:
            words = (np.arange(rows)[:, None] * row + np.arange(columns) * column).ravel()
            last = words[-1:].repeat(PIXELS) if len(words) else words
            self.pixels[key] = np.concatenate([words, last]) * (self.size * item)
        return self.pixels[key]

    def _operand_bytes(self, o: Any) -> int:
        return 1 if self.taps == 4 and not o["depthwise"] else 2

    def _offsets(self, o: Any) -> NDArray[np.int64]:
        """Return the bytes from a pixel's operands to those of each tile, or of each tap of one."""
        cb, kh, kw = np.indices((o["cb"], o["kh"], o["kw"])).reshape(3, -1)
        slices = int(o["slice"]) + cb
        words = (
            slices // o["slices"] * o["words"] * o["cb_stride"]
            + kh * o["kh_stride"]
            + kw * o["kw_stride"]
        )
        item = self._operand_bytes(o)
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
