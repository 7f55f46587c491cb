"""VEC: copies, windows, sums, additions, products and lookups on whole words."""

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
from npusim.simulator.execute.call_record import Records, record
from npusim.simulator.execute.plain import word_nest
from npusim.simulator.execute.plain.widen import widen
from npusim.simulator.execute.plain.word_nest import acc_word, act_word, out_word

ADDITION = (
    "op", "subtract", "multiplier0", "multiplier1", "multiplier2", "shift0", "shift1", "shift2",
    "zero_point0", "zero_point1",
)  # fmt: skip
OPERANDS = record(*word_nest.NAMES, "accumulate", *ADDITION, "ky", "ky_act", "kx", "kx_act")
"""What a VEC needs to know."""
COPY, MAX, ADD, SUM, LOOKUP, TABLE, MULTIPLY, MIN = range(len(VEC_OPS))


def operands(group: Group) -> dict[str, Column]:
    """Return the columns OPERANDS of all VECs of a program."""
    registers = group.registers
    multipliers = [registers[f"add_multiplier{i}"]["value"] & ((1 << 31) - 1) for i in range(3)]
    return word_nest.operands(group) | {
        **{name: group[name] for name in ("op", "accumulate", "subtract")},
        **{f"multiplier{i}": multiplier for i, multiplier in enumerate(multipliers)},
        **{name: shift & 63 for name, shift in registers["add_shift"].items()},
        **registers["add_zero_point"],
        **{name: registers[f"vec_{name}"]["count"] for name in ("ky", "kx")},
        **{f"{name}_act": registers[f"vec_{name}"]["stride"] for name in ("ky", "kx")},
    }


@kernel
def vector(
    act: NDArray[np.uint8],
    acc: NDArray[np.int32],
    table: NDArray[np.uint8],
    operands: Records,
    place: int,
    written: NDArray[np.uint8],
    written_sums: NDArray[np.int32],
) -> None:
    """Carry out VEC number `place` of `operands`, which begin with OPERANDS.

    act [words SIZE], acc [words regions SIZE], table [256]; written [words SIZE] (op table: what is
    read), or written_sums [words 1 SIZE] for op sum, take a copy of what is written, in order,
    where they have rows.
    """
    o = operands[place]
    size, count, index = act.shape[1], 0, 0
    value, first_operand = np.zeros(size, np.int64), np.zeros(size, np.int64)
    op = o.op
    for b in range(o.b):
        for y in range(o.y):
            for x in range(o.x):
                base = act_word(o, b, y, x)
                out = out_word(o, b, y, x) % ADDRESS_SPACE
                sums = acc_word(o, b, y, x) % ADDRESS_SPACE
                for ky in range(o.ky):
                    for kx in range(o.kx):
                        first = ky == 0 and kx == 0
                        word = act[(base + ky * o.ky_act + kx * o.kx_act) % ADDRESS_SPACE]
                        if op == MAX or op == MIN or op == SUM:
                            if first and op == SUM and o.accumulate:
                                value[:] = acc[sums, 0]
                                first = False
                            for c in range(size):
                                tap = byte_value(widen(word[c]), o.unsigned)
                                value[c] = pool(tap, value[c], first, op == MAX, op == MIN)
                        elif (op == ADD or op == MULTIPLY) and first:
                            for c in range(size):
                                first_operand[c] = subtract_zero_point(
                                    widen(word[c]), o.zero_point0, o.unsigned, 1
                                )
                        elif op == ADD or op == MULTIPLY:
                            for c in range(size):
                                second = subtract_zero_point(
                                    widen(word[c]), o.zero_point1, o.unsigned, 1
                                )
                                total = add(
                                    first_operand[c], second, o.multiplier0, o.multiplier1,
                                    o.rounding, o.shift0, o.shift1, op == MULTIPLY, o.subtract,
                                )  # fmt: skip
                                value[c] = requantize_total(
                                    total * o.multiplier2, o.rounding, o.shift2,
                                    o.zero_point, o.low, o.high,
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
                        written_sums[count, 0] = acc[sums, 0]
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
