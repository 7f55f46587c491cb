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
from npusim.isa.access import VEC_LEVELS
from npusim.isa.spec import VEC_OPS
from npusim.simulator.machine.columns import Column, Group
from npusim.simulator.machine.reach import ADDRESS_SPACE
from npusim.simulator.machine.widen import widen

OPERANDS = (
    "op", "accumulate", "acc", "act", "out", "rounding", "unsigned", "zero_point", "low", "high",
    "multiplier0", "multiplier1", "multiplier2", "shift0", "shift1", "shift2", "zero0", "zero1",
    "b", "b_act", "b_acc", "b_out", "y", "y_act", "y_acc", "y_out", "x", "x_act", "x_acc", "x_out",
    "ky", "ky_act", "kx", "kx_act",
)  # fmt: skip
"""What a VEC needs to know, in the order of a row of `operands`."""
(
    OP, ACCUMULATE, ACC, ACT, OUT, ROUNDING, UNSIGNED, ZERO_POINT, LOW, HIGH,
    MULTIPLIER0, MULTIPLIER1, MULTIPLIER2, SHIFT0, SHIFT1, SHIFT2, ZERO0, ZERO1,
    B, B_ACT, B_ACC, B_OUT, Y, Y_ACT, Y_ACC, Y_OUT, X, X_ACT, X_ACC, X_OUT,
    KY, KY_ACT, KX, KX_ACT,
) = range(len(OPERANDS))  # fmt: skip
COPY, MAX, ADD, SUM, LOOKUP, TABLE = range(len(VEC_OPS))


def operands(group: Group) -> Column:
    """Return the operands of all VECs of a program [instructions OPERANDS]."""
    registers = group.registers
    rows = [group[name] for name in ("op", "accumulate", "acc", "act", "out")]
    rows += [registers["rq_mode"][name] for name in ("rounding", "unsigned")]
    rows += [registers["rq_output"][name] for name in ("zero_point", "low", "high")]
    rows += [registers[f"add_multiplier{i}"]["value"] & ((1 << 31) - 1) for i in range(3)]
    rows += [registers["add_shift"][f"shift{i}"] & 63 for i in range(3)]
    rows += [registers["add_zero_point"][f"zero_point{i}"] for i in range(2)]
    for level in VEC_LEVELS[:3]:
        steps = registers[level + "_out"]
        rows += [registers[level]["count"], registers[level]["stride"], steps["acc"], steps["out"]]
    for level in VEC_LEVELS[3:]:
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
    """Carry out a VEC; `o` are its OPERANDS.

    act [words SIZE], acc [words regions SIZE], table [256]; written [words SIZE] (op table: what is
    read), or written_sums [words SIZE] for op sum, take a copy of what is written, in order, where
    they have rows.
    """
    size, count, index = act.shape[1], 0, 0
    value, first_operand = np.zeros(size, np.int64), np.zeros(size, np.int64)
    op = o[OP]
    for b in range(o[B]):
        for y in range(o[Y]):
            for x in range(o[X]):
                base = o[ACT] + b * o[B_ACT] + y * o[Y_ACT] + x * o[X_ACT]
                out = (o[OUT] + b * o[B_OUT] + y * o[Y_OUT] + x * o[X_OUT]) % ADDRESS_SPACE
                sums = (o[ACC] + b * o[B_ACC] + y * o[Y_ACC] + x * o[X_ACC]) % ADDRESS_SPACE
                for ky in range(o[KY]):
                    for kx in range(o[KX]):
                        first = ky == 0 and kx == 0
                        word = act[(base + ky * o[KY_ACT] + kx * o[KX_ACT]) % ADDRESS_SPACE]
                        if op == MAX or op == SUM:
                            if first and op == SUM and o[ACCUMULATE]:
                                value[:] = acc[sums, 0]
                                first = False
                            for c in range(size):
                                tap = byte_value(widen(word[c]), o[UNSIGNED])
                                value[c] = pool(tap, value[c], first, op == MAX)
                        elif op == ADD and first:
                            for c in range(size):
                                first_operand[c] = subtract_zero_point(
                                    widen(word[c]), o[ZERO0], o[UNSIGNED], 1
                                )
                        elif op == ADD:
                            for c in range(size):
                                second = subtract_zero_point(
                                    widen(word[c]), o[ZERO1], o[UNSIGNED], 1
                                )
                                total = add(
                                    first_operand[c], second, o[MULTIPLIER0], o[MULTIPLIER1],
                                    o[ROUNDING], o[SHIFT0], o[SHIFT1],
                                )  # fmt: skip
                                value[c] = requantize_total(
                                    total * o[MULTIPLIER2], o[ROUNDING], o[SHIFT2],
                                    o[ZERO_POINT], o[LOW], o[HIGH],
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
