"""VEC: copies, windows, sums, additions and lookups on whole words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.add import add
from npusim.datapath.jit import kernel
from npusim.datapath.lookup import ENTRIES, lookup
from npusim.datapath.pool import pool
from npusim.datapath.requantize import requantize_total
from npusim.datapath.subtract_zero_point import byte_value, subtract_zero_point
from npusim.isa.nest import Column
from npusim.isa.page import Group
from npusim.isa.spec import ADDRESS_SPACE, VEC_OPS
from npusim.isa.vector_nest import LEVELS, WORD_LEVELS
from npusim.simulator.machine import nest
from npusim.simulator.machine.widen import widen

(
    OP, ACCUMULATE, MULTIPLIER0, MULTIPLIER1, MULTIPLIER2, SHIFT0, SHIFT1, SHIFT2, ZERO0, ZERO1,
    KY, KY_ACT, KX, KX_ACT, COUNT,
) = range(nest.COUNT, nest.COUNT + 15)  # fmt: skip
"""What a VEC needs to know besides the operands of nest.py."""
COPY, MAX, ADD, SUM, LOOKUP, TABLE = range(len(VEC_OPS))


def operands(group: Group) -> Column:
    """Return the operands of all VECs of a program [instructions COUNT]."""
    registers = group.registers
    rows = [*nest.operands(group), group["op"], group["accumulate"]]
    rows += [registers[f"add_multiplier{i}"]["value"] & ((1 << 31) - 1) for i in range(3)]
    rows += [registers["add_shift"][f"shift{i}"] & 63 for i in range(3)]
    rows += [registers["add_zero_point"][f"zero_point{i}"] for i in range(2)]
    for level in LEVELS[len(WORD_LEVELS) :]:
        rows += [registers[level]["count"], registers[level]["stride"]]
    return np.stack(rows, axis=1)


@kernel
def vector_words(
    act: NDArray[np.uint8],
    acc: NDArray[np.int32],
    table: NDArray[np.uint8],
    o: NDArray[np.int64],
    written: NDArray[np.uint8],
    written_sums: NDArray[np.int32],
) -> None:
    """Carry out a VEC; `o` are its operands.

    act [words SIZE], acc [words regions SIZE], table [256]; written [words SIZE] (op table: what is
    read), or written_sums [words SIZE] for op sum, take a copy of what is written, in order, where
    they have rows.
    """
    size, count, index = act.shape[1], 0, 0
    value, first_operand = np.zeros(size, np.int64), np.zeros(size, np.int64)
    op = o[OP]
    for b in range(o[nest.B]):
        for y in range(o[nest.Y]):
            for x in range(o[nest.X]):
                base = nest.word(o, nest.ACT, b, y, x)
                out = nest.word(o, nest.OUT, b, y, x) % ADDRESS_SPACE
                sums = nest.word(o, nest.ACC, b, y, x) % ADDRESS_SPACE
                for ky in range(o[KY]):
                    for kx in range(o[KX]):
                        first = ky == 0 and kx == 0
                        word = act[(base + ky * o[KY_ACT] + kx * o[KX_ACT]) % ADDRESS_SPACE]
                        if op == MAX or op == SUM:
                            if first and op == SUM and o[ACCUMULATE]:
                                value[:] = acc[sums, 0]
                                first = False
                            for c in range(size):
                                tap = byte_value(widen(word[c]), o[nest.UNSIGNED])
                                value[c] = pool(tap, value[c], first, op == MAX)
                        elif op == ADD and first:
                            for c in range(size):
                                first_operand[c] = subtract_zero_point(
                                    widen(word[c]), o[ZERO0], o[nest.UNSIGNED], 1
                                )
                        elif op == ADD:
                            for c in range(size):
                                second = subtract_zero_point(
                                    widen(word[c]), o[ZERO1], o[nest.UNSIGNED], 1
                                )
                                total = add(
                                    first_operand[c], second, o[MULTIPLIER0], o[MULTIPLIER1],
                                    o[nest.ROUNDING], o[SHIFT0], o[SHIFT1],
                                )  # fmt: skip
                                value[c] = requantize_total(
                                    total * o[MULTIPLIER2], o[nest.ROUNDING], o[SHIFT2],
                                    o[nest.ZERO_POINT], o[nest.LOW], o[nest.HIGH],
                                )  # fmt: skip
                        elif op == TABLE:
                            for c in range(size):
                                table[(index * size + c) % ENTRIES] = word[c]
                            index += 1
                            if written.shape[0] > 0:
                                written[count] = word
                                count += 1
                        else:
                            for c in range(size):
                                value[c] = widen(word[c])
                if op == TABLE:
                    continue
                if op == SUM:
                    for c in range(size):
                        acc[sums, 0, c] = value[c]
                    if written_sums.shape[0] > 0:
                        written_sums[count] = acc[sums, 0]
                        count += 1
                    continue
                for c in range(size):
                    if op == LOOKUP:
                        act[out, c] = lookup(widen(word[c]), table)
                    else:
                        act[out, c] = 255 & value[c]
                if written.shape[0] > 0:
                    written[count] = act[out]
                    count += 1
