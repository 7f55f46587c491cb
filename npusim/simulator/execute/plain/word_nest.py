"""What RQ and VEC share: the nest over blocks, rows and words, the rounding mode, the output.

At each b, y, x they touch a word of ACC, a word of ACT and a word of ACT that they write; the
addresses below are before the wrap.
"""

from __future__ import annotations

from typing import Any

from npusim.datapath.jit import scalar
from npusim.isa.nest import Column
from npusim.isa.page import Group
from npusim.isa.vector_nest import WORD_LEVELS

NAMES = (
    "acc", "act", "out", "rounding", "unsigned", "zero_point", "low", "high",
    *(f"{level[4:]}{part}" for level in WORD_LEVELS for part in ("", "_acc", "_act", "_out")),
)  # fmt: skip
"""Fields of both; `b`, `y`, `x` are counts, the steps of ACC, ACT and output follow each."""


def operands(group: Group) -> dict[str, Column]:
    """Return the columns NAMES of all RQs, or all VECs, of a program."""
    registers = group.registers
    found = {name: group[name] for name in ("acc", "act", "out")}
    found |= {name: registers["rq_mode"][name] for name in ("rounding", "unsigned")}
    found |= {name: registers["rq_output"][name] for name in ("zero_point", "low", "high")}
    for level in WORD_LEVELS:
        count, steps = registers[level], registers[level + "_out"]
        values = (count["count"], steps["acc"], count["stride"], steps["out"])
        parts = ("", "_acc", "_act", "_out")
        found |= {level[4:] + part: value for part, value in zip(parts, values, strict=True)}
    return found


@scalar
def acc_word(o: Any, b: int, y: int, x: int) -> int:
    """Return the word of ACC at b, y, x."""
    return o.acc + b * o.b_acc + y * o.y_acc + x * o.x_acc


@scalar
def act_word(o: Any, b: int, y: int, x: int) -> int:
    """Return the word of ACT that is read first at b, y, x."""
    return o.act + b * o.b_act + y * o.y_act + x * o.x_act


@scalar
def out_word(o: Any, b: int, y: int, x: int) -> int:
    """Return the word of ACT that is written at b, y, x."""
    return o.out + b * o.b_out + y * o.y_out + x * o.x_out
