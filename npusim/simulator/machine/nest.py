"""What RQ and VEC share: the nest over blocks, rows and words, the rounding mode, the output.

Both walk b, y, x and touch, at each, a word of ACC, a word of ACT and a word of ACT that they
write; each of the three has a first word and a step for each level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import scalar
from npusim.isa.nest import Column
from npusim.isa.page import Group
from npusim.isa.vector_nest import WORD_LEVELS

ACC, ACT, OUT, ROUNDING, UNSIGNED, ZERO_POINT, LOW, HIGH, B = range(9)
Y, X, COUNT = B + 4, B + 8, B + 12
"""Columns of a row of operands; B, Y and X are counts, and the steps of ACC, ACT, OUT follow."""


def operands(group: Group) -> list[Column]:
    """Return the first COUNT operands of all RQs, or all VECs, of a program."""
    registers = group.registers
    rows = [group[name] for name in ("acc", "act", "out")]
    rows += [registers["rq_mode"][name] for name in ("rounding", "unsigned")]
    rows += [registers["rq_output"][name] for name in ("zero_point", "low", "high")]
    for level in WORD_LEVELS:
        steps = registers[level + "_out"]
        rows += [registers[level]["count"], steps["acc"], registers[level]["stride"], steps["out"]]
    return rows


def words(o: NDArray[np.int64]) -> int:
    """Return how many times the nest is walked through."""
    return int(o[B] * o[Y] * o[X])


@scalar
def step(o: NDArray[np.int64], level: int, which: int) -> int:
    """Return the words from one turn of `level` (B, Y or X) to the next in ACC, ACT or OUT."""
    return o[level + 1 + which]


@scalar
def word(o: NDArray[np.int64], which: int, b: int, y: int, x: int) -> int:
    """Return the word, before the wrap, of ACC, ACT or OUT at b, y, x."""
    return o[which] + b * step(o, B, which) + y * step(o, Y, which) + x * step(o, X, which)
