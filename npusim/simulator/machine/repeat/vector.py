"""VECs of a run that is repeated. The witness: vector.py.

An addition of two bytes is a table of 65,536 bytes, made from the scalars when the run is prepared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.add import add
from npusim.datapath.jit import entry, kernel
from npusim.datapath.lookup import ENTRIES
from npusim.datapath.requantize import requantize_total
from npusim.datapath.subtract_zero_point import subtract_zero_point
from npusim.simulator.kernels.entry import array_at
from npusim.simulator.machine.vector import (
    ACC,
    ACCUMULATE,
    ACT,
    ADD,
    B_ACC,
    B_ACT,
    B_OUT,
    COPY,
    HIGH,
    KX,
    KX_ACT,
    KY,
    KY_ACT,
    LOOKUP,
    LOW,
    MAX,
    MULTIPLIER0,
    MULTIPLIER1,
    MULTIPLIER2,
    OP,
    OPERANDS,
    OUT,
    ROUNDING,
    SHIFT0,
    SHIFT1,
    SHIFT2,
    SUM,
    TABLE,
    UNSIGNED,
    X_ACC,
    X_ACT,
    X_OUT,
    Y_ACC,
    Y_ACT,
    Y_OUT,
    ZERO0,
    ZERO1,
    ZERO_POINT,
    B,
    X,
    Y,
)

_SIZE, _REGIONS, _SUMS, _TABLE, _LIMIT = range(len(OPERANDS), len(OPERANDS) + 5)
CALL_WORDS = _LIMIT + 1
SIGN_FLIP = 128


@kernel
def addition_table(o, table):
    """Fill table [65536] with the sum of bytes a, b at 256 a + b."""
    for a in range(256):
        first = subtract_zero_point(a, o[ZERO0], o[UNSIGNED], 1)
        for b in range(256):
            second = subtract_zero_point(b, o[ZERO1], o[UNSIGNED], 1)
            total = add(
                first, second, o[MULTIPLIER0], o[MULTIPLIER1], o[ROUNDING], o[SHIFT0], o[SHIFT1]
            )
            table[256 * a + b] = 255 & requantize_total(
                total * o[MULTIPLIER2], o[ROUNDING], o[SHIFT2], o[ZERO_POINT], o[LOW], o[HIGH]
            )


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
        if o[OP] == ADD:
            key = tuple(o[ROUNDING:B].tolist())
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
    op, size, lanes = g[OP], g[_SIZE], np.uintp(g[_SIZE])
    sums = array_at(g[_SUMS], size, np.int32)
    table = array_at(g[_TABLE], g[_LIMIT], np.uint8)
    flip = np.uint8(0 if g[UNSIGNED] else SIGN_FLIP)
    shift, index = np.int32(0 if g[UNSIGNED] else SIGN_FLIP), 0
    taps = g[KY] * g[KX]
    for b in range(g[B]):
        for y in range(g[Y]):
            for x in range(g[X]):
                base = g[ACT] + b * g[B_ACT] + y * g[Y_ACT] + x * g[X_ACT]
                to = g[OUT] + b * g[B_OUT] + y * g[Y_OUT] + x * g[X_OUT]
                out = array_at(act_address + to * size, size, np.uint8)
                last = base + (g[KY] - 1) * g[KY_ACT] + (g[KX] - 1) * g[KX_ACT]
                word = array_at(act_address + last * size, size, np.uint8)
                if op == COPY:
                    for c in range(lanes):
                        out[c] = word[c]
                elif op == LOOKUP:
                    for c in range(lanes):
                        out[c] = table[word[c]]
                elif op == ADD:
                    other = array_at(act_address + base * size, size, np.uint8)
                    for c in range(lanes):
                        out[c] = table[np.uintp(other[c]) << np.uintp(8) | np.uintp(word[c])]
                elif op == MAX:
                    for c in range(lanes):
                        sums[c] = -1
                    for tap in range(taps):
                        at = base + tap // g[KX] * g[KY_ACT] + tap % g[KX] * g[KX_ACT]
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(lanes):
                            sums[c] = max(sums[c], np.int32(one[c] ^ flip))
                    for c in range(lanes):
                        out[c] = np.uint8(sums[c]) ^ flip
                elif op == SUM:
                    at = g[ACC] + b * g[B_ACC] + y * g[Y_ACC] + x * g[X_ACC]
                    total = array_at(acc_address + at * g[_REGIONS] * size * 4, size, np.int32)
                    if not g[ACCUMULATE]:
                        for c in range(lanes):
                            total[c] = 0
                    for tap in range(taps):
                        at = base + tap // g[KX] * g[KY_ACT] + tap % g[KX] * g[KX_ACT]
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(lanes):
                            total[c] += np.int32(one[c] ^ flip) - shift
                elif op == TABLE:
                    for tap in range(taps):
                        at = base + tap // g[KX] * g[KY_ACT] + tap % g[KX] * g[KX_ACT]
                        one = array_at(act_address + at * size, size, np.uint8)
                        for c in range(size):
                            table[(index * size + c) % ENTRIES] = one[c]
                        index += 1
    return 1
