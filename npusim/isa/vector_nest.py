"""The nest of RQ and VEC: blocks, rows and words, and at each a word of ACT, of ACC, of output.

What both have in common: its registers, their output, and the ACT banks that they read and write.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from npusim.isa.fields import Field, Register, level
from npusim.isa.nest import Column, Nest
from npusim.isa.page import Group, Rule, built_in, levels_of
from npusim.isa.scratchpads import BANK_BASE
from npusim.machines import Machine
from npusim.words import EPILOGUES

BANKS = (
    Field("read_banks", 64, 8, "ACT banks read"),
    Field("write_banks", 72, 8, "ACT banks written"),
)
BASES = (
    Field("acc", 16, 16, "first accumulator word"),
    Field("act", 32, 16, "first ACT word read"),
    Field("out", 48, 16, "first ACT word written"),
)

LEVELS = ("vec_b", "vec_y", "vec_x", "vec_ky", "vec_kx")
WORD_LEVELS = LEVELS[:3]
"""One word is written for each; RQ's terms are kx, VEC's taps are ky, kx."""
REGISTERS = (
    *(Register(name, i, f"loop {name[4:]} of RQ and VEC", level(name[4:]))
      for i, name in enumerate(reversed(LEVELS))),
    *(
        Register(
            f"{name}_out", 5 + i, f"steps of loop {name[4:]} in ACC and in the output",
            (
                Field("out", 0, 16, "ACT words written", signed=True),
                Field("acc", 16, 16, "ACC words", signed=True),
            ),
        )
        for i, name in enumerate(reversed(LEVELS))
    ),
    Register(
        "rq_output", 10, "output of RQ and of VEC add, multiply",
        (
            Field("zero_point", 0, 9, "added after the shift", signed=True),
            Field("low", 9, 9, "least output", signed=True),
            Field("high", 18, 9, "greatest output", signed=True),
        ),
    ),
    Register(
        "rq_mode", 11, "rounding and operands of RQ and VEC",
        (
            Field(
                "rounding", 0, 3,
                "rounding mode of RQ and VEC add, multiply, where 6 and 7 are half_up; in RQ 6 is "
                "float32 where it is built in",
                names=EPILOGUES,
            ),
            Field("unsigned", 4, 1, "ACT operands of RQ and VEC are uint8"),
            Field("pwlq_bits", 8, 4, "b of the layer: n = 2^((b-1) mod 8) - 1"),
        ),
    ),
)  # fmt: skip


def bank_rules(group: Group, machine: Machine) -> list[Rule]:
    """Return the rules of the banks: of ACT read or written, not both, and all built in."""
    both = group["read_banks"] & group["write_banks"]
    return [
        Rule(both == 0, "ACT banks {:#x} are both read and written", (both,)),
        built_in(machine, "ACT", group["read_banks"] | group["write_banks"]),
        built_in(machine, "ACC", group["acc_banks"]),
    ]


def claims(fields: Any) -> Any:
    """Return the banks of ACT and ACC that are read or written."""
    act = (fields["read_banks"] | fields["write_banks"]) << BANK_BASE["ACT"]
    return act | fields["acc_banks"] << BANK_BASE["ACC"]


def words(group: Group) -> Column:
    """Return the words that are written."""
    b, y, x = (group.registers[name]["count"] for name in WORD_LEVELS)
    return b * y * x


def walks_read(taps: Column, lanes: Column | int) -> Column:
    """Return how often a window of `taps` words is read, whose unit `lanes` lanes share.

    It is walked once for each of them; a single word stands at the memory's output all the while.
    """
    return np.where(taps == 1, 1, lanes)


def output(group: Group) -> Nest:
    """Return the words of ACT that are written, for each b, y, x."""
    levels, one = levels_of(group, WORD_LEVELS, "_out", "out"), np.ones_like(group.pcs)
    return Nest("ACT", True, group["write_banks"], group["out"], levels, one == 1)


def sums(group: Group, base: Column) -> Nest:
    """Return the words of ACC that are read from `base` on, for each b, y, x."""
    levels, one = levels_of(group, WORD_LEVELS, "_out", "acc"), np.ones_like(group.pcs)
    return Nest("ACC", False, group["acc_banks"], base, levels, one == 1)
