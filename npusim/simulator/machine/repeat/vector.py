"""VECs of a run that is repeated. The witness: vector.py.

An addition of two bytes is a table of 65,536 bytes, made from the scalars when the run is prepared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.add import add
from npusim.datapath.jit import entry, kernel, scalar
from npusim.datapath.lookup import ENTRIES
from npusim.datapath.requantize import requantize_total
from npusim.datapath.subtract_zero_point import subtract_zero_point
from npusim.kernels.entry import array_at
from npusim.simulator.machine import nest
from npusim.simulator.machine import vector as vec
from npusim.simulator.machine.multiply_fast import SIGN_FLIP

_SIZE, _REGIONS, _SUMS, _TABLE, _LIMIT = range(vec.COUNT, vec.COUNT + 5)
CALL_WORDS = _LIMIT + 1


@kernel
def addition_table(o, table):
    """Fill table [65536] with the sum of bytes a, b at 256 a + b."""
    rounding = o[nest.ROUNDING]
    for a in range(256):
        first = subtract_zero_point(a, o[vec.ZERO0], o[nest.UNSIGNED], 1)
        for b in range(256):
            second = subtract_zero_point(b, o[vec.ZERO1], o[nest.UNSIGNED], 1)
            total = add(
                first, second, o[vec.MULTIPLIER0], o[vec.MULTIPLIER1], rounding, o[vec.SHIFT0],
                o[vec.SHIFT1],
            )  # fmt: skip
            table[256 * a + b] = 255 & requantize_total(
                total * o[vec.MULTIPLIER2], rounding, o[vec.SHIFT2], o[nest.ZERO_POINT],
                o[nest.LOW], o[nest.HIGH],
            )  # fmt: skip


@scalar
def tap_word(g, base, tap):
    """Return the word that tap number `tap` of the window at word `base` reads."""
    return base + tap // g[vec.KX] * g[vec.KY_ACT] + tap % g[vec.KX] * g[vec.KX_ACT]


class Vectors:
    """Turns VECs into rows of integers; keeps what their addresses point at.

    `table` uint8 [256] is the machine's table of the activation.
    """

    def __init__(self, size: int, acc_regions: int, table: NDArray[np.uint8]) -> None:
        self.size, self.acc_regions, self.table = size, acc_regions, table
        self.sums = np.zeros(size, np.int32)
        self.additions: dict[tuple[int, ...], NDArray[np.uint8]] = {}

    def row(self, o: NDArray[np.int64]) -> list[int]:
        """Return the CALL_WORDS of VEC `o`."""
        table = self.table
        if o[vec.OP] == vec.ADD:
            key = (*o[nest.ROUNDING : nest.B].tolist(), *o[vec.MULTIPLIER0 : vec.KY].tolist())
            if key not in self.additions:
                self.additions[key] = np.empty(1 << 16, np.uint8)
                addition_table(o, self.additions[key])
            table = self.additions[key]
        return [
            *o.tolist(), self.size, self.acc_regions, self.sums.ctypes.data, table.ctypes.data,
            len(table),
        ]  # fmt: skip


@entry
def vector(act_address, acc_address, description, first, end):
    """Carry out a VEC."""
    g = array_at(description, CALL_WORDS, np.int64)
    op, size, lanes = g[vec.OP], g[_SIZE], np.uintp(g[_SIZE])
    sums = array_at(g[_SUMS], size, np.int32)
    table = array_at(g[_TABLE], g[_LIMIT], np.uint8)
    flip = np.uint8(0 if g[nest.UNSIGNED] else SIGN_FLIP)
    shift, index = np.int32(0 if g[nest.UNSIGNED] else SIGN_FLIP), 0
    taps = g[vec.KY] * g[vec.KX]
    for b in range(g[nest.B]):
        for y in range(g[nest.Y]):
            for x in range(g[nest.X]):
                base, to = nest.word(g, nest.ACT, b, y, x), nest.word(g, nest.OUT, b, y, x)
                out = array_at(act_address + to * size, size, np.uint8)
                last = tap_word(g, base, taps - 1)
                word = array_at(act_address + last * size, size, np.uint8)
                if op == vec.COPY:
                    for c in range(lanes):
                        out[c] = word[c]
                elif op == vec.LOOKUP:
                    for c in range(lanes):
                        out[c] = table[word[c]]
                elif op == vec.ADD:
                    other = array_at(act_address + base * size, size, np.uint8)
                    for c in range(lanes):
                        out[c] = table[np.uintp(other[c]) << np.uintp(8) | np.uintp(word[c])]
                elif op == vec.MAX:
                    for c in range(lanes):
                        sums[c] = -1
                    for tap in range(taps):
                        at = tap_word(g, base, tap)
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(lanes):
                            sums[c] = max(sums[c], np.int32(one[c] ^ flip))
                    for c in range(lanes):
                        out[c] = np.uint8(sums[c]) ^ flip
                elif op == vec.SUM:
                    at = nest.word(g, nest.ACC, b, y, x)
                    total = array_at(acc_address + at * g[_REGIONS] * size * 4, size, np.int32)
                    if not g[vec.ACCUMULATE]:
                        for c in range(lanes):
                            total[c] = 0
                    for tap in range(taps):
                        at = tap_word(g, base, tap)
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(lanes):
                            total[c] += np.int32(one[c] ^ flip) - shift
                elif op == vec.TABLE:
                    for tap in range(taps):
                        at = tap_word(g, base, tap)
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(size):
                            table[(index * size + c) % ENTRIES] = one[c]
                        index += 1
    return 1
