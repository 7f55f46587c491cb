"""VECs as calls. The witness: plain/vec.py.

An addition or product of two bytes is a table of 65,536 bytes, made from the scalars when it is
first met.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.add import add
from npusim.datapath.jit import entry, kernel, scalar
from npusim.datapath.lookup import ENTRIES
from npusim.datapath.requantize import requantize_total
from npusim.datapath.subtract_zero_point import subtract_zero_point
from npusim.isa.page import Group
from npusim.kernels.entry import array_at
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Call, address_of, record, records
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain import vec as plain
from npusim.simulator.execute.plain.vec import (
    ADD,
    ADDITION,
    COPY,
    LOOKUP,
    MAX,
    MIN,
    MULTIPLY,
    SUM,
    TABLE,
)
from npusim.simulator.execute.plain.word_nest import acc_word, act_word, out_word

SIGN_FLIP = 128
CALL = record("size", "regions", "sums", "table", "limit", before=plain.OPERANDS)
"""A VEC's operands; buffer and table, and how many entries it has."""
_ADDED = ("rounding", "unsigned", "zero_point", "low", "high", *ADDITION)
"""What an addition or product depends on."""
PAIRS = (ADD, MULTIPLY)


class Vectors:
    """The VECs of a program on `state`; keeps what the addresses in their records point at.

    `has_tables`: whether an addition is worth a table, as it is where it is repeated.
    """

    def __init__(self, group: Group, machine: Machine, state: State, has_tables: bool) -> None:
        self.state, self.sums = state, np.zeros(machine.size, np.int32)
        self.additions: dict[tuple[int, ...], NDArray[np.uint8]] = {}
        self.rows = records(CALL, plain.operands(group), len(group.pcs))
        self.rows["size"], self.rows["regions"] = machine.size, machine.acc_regions
        self.rows["sums"] = self.sums.ctypes.data
        self.prepared = has_tables | ~np.isin(self.rows["op"], PAIRS)

    def call(self, i: int) -> Call:
        """Return VEC number `i` as a call."""
        o, table = self.rows[i], self.state.table
        if o["op"] in PAIRS:
            key = tuple(int(o[name]) for name in _ADDED)
            if key not in self.additions:
                self.additions[key] = np.empty(1 << 16, np.uint8)
                addition_table(self.rows, i, self.additions[key])
            table = self.additions[key]
        o["table"], o["limit"] = table.ctypes.data, len(table)
        return vector().address, *self.state.addresses, address_of(self.rows, i), 0, 0

    def plain(self, i: int, written: NDArray) -> None:
        """Carry out VEC number `i` word by word."""
        state, size = self.state, self.state.act.shape[1]
        words, sums = np.empty((0, size), np.uint8), np.empty((0, 1, size), np.int32)
        kept = (words, written) if self.rows["op"][i] == SUM else (written, sums)
        plain.vector(state.act, state.acc, state.table, self.rows, i, *kept)


@kernel
def addition_table(rows, i, table):
    """Fill table [65536] with the sum or product of bytes a, b at 256 a + b."""
    o = rows[i]
    rounding = o.rounding
    for a in range(256):
        first = subtract_zero_point(a, o.zero_point0, o.unsigned, 1)
        for b in range(256):
            second = subtract_zero_point(b, o.zero_point1, o.unsigned, 1)
            total = add(
                first, second, o.multiplier0, o.multiplier1, rounding, o.shift0,
                o.shift1, o.op == MULTIPLY, o.subtract,
            )  # fmt: skip
            table[256 * a + b] = 255 & requantize_total(
                total * o.multiplier2, rounding, o.shift2, o.zero_point,
                o.low, o.high,
            )  # fmt: skip


@scalar
def tap_word(o, base, tap):
    """Return the word that tap number `tap` of the window at word `base` reads."""
    return base + tap // o.kx * o.ky_act + tap % o.kx * o.kx_act


@entry
def vector(act_address, acc_address, description, first, end):
    """Carry out a VEC."""
    o = array_at(description, 1, CALL)[0]
    op, size, lanes = o.op, o.size, np.uintp(o.size)
    sums = array_at(o.sums, size, np.int32)
    table = array_at(o.table, o.limit, np.uint8)
    flip = np.uint8(0 if o.unsigned else SIGN_FLIP)
    shift, index = np.int32(0 if o.unsigned else SIGN_FLIP), 0
    taps = o.ky * o.kx
    for b in range(o.b):
        for y in range(o.y):
            for x in range(o.x):
                base, to = act_word(o, b, y, x), out_word(o, b, y, x)
                out = array_at(act_address + to * size, size, np.uint8)
                last = tap_word(o, base, taps - 1)
                word = array_at(act_address + last * size, size, np.uint8)
                if op == COPY:
                    for c in range(lanes):
                        out[c] = word[c]
                elif op == LOOKUP:
                    for c in range(lanes):
                        out[c] = table[word[c]]
                elif op == ADD or op == MULTIPLY:
                    other = array_at(act_address + base * size, size, np.uint8)
                    for c in range(lanes):
                        out[c] = table[np.uintp(other[c]) << np.uintp(8) | np.uintp(word[c])]
                elif op == MAX or op == MIN:
                    # the least of bytes is the greatest of their complements
                    turn = flip if op == MAX else flip ^ np.uint8(255)
                    for c in range(lanes):
                        sums[c] = -1
                    for tap in range(taps):
                        at = tap_word(o, base, tap)
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(lanes):
                            sums[c] = max(sums[c], np.int32(one[c] ^ turn))
                    for c in range(lanes):
                        out[c] = np.uint8(sums[c]) ^ turn
                elif op == SUM:
                    at = acc_word(o, b, y, x)
                    total = array_at(acc_address + at * o.regions * size * 4, size, np.int32)
                    if not o.accumulate:
                        for c in range(lanes):
                            total[c] = 0
                    for tap in range(taps):
                        at = tap_word(o, base, tap)
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(lanes):
                            total[c] += np.int32(one[c] ^ flip) - shift
                elif op == TABLE:
                    for tap in range(taps):
                        at = tap_word(o, base, tap)
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(size):
                            table[(index * size + c) % ENTRIES] = one[c]
                        index += 1
    return 1
