"""LD: DRAM -> ACT, WGT or PAR; rows of elements with padding, or contiguous whole words.

Words of WGT and PAR, and of ACT where the instruction says `plain`, are copied as they lie; the
registers are then not used. docs/architecture.md, section 2, has the loops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npusim.isa.fields import Field, Format, Register
from npusim.isa.nest import Column, Mask, Nest
from npusim.isa.page import Group, Rule, Transfer, as_the_port_lets, built_in, no_hazards
from npusim.isa.rows import DRAM_ADDRESS, STRIDES, moved_bytes, row_rules, row_strides
from npusim.isa.scratchpads import BANK_BASE, word_beats
from npusim.isa.spec import TARGETS
from npusim.machines import Machine

FORMAT = Format(
    "LD", 2, ("LD",), "DRAM -> scratchpad, 3-D strided, padded on four sides",
    (
        Field("target", 10, 2, "scratchpad written", names=TARGETS),
        Field("plain", 12, 1, "ACT as WGT and PAR: contiguous whole words, registers unused"),
        *DRAM_ADDRESS,
        Field("address", 48, 16, "first word written"),
        Field("banks", 64, 8, "banks of the target that are written"),
        Field("columns", 72, 16, "elements of a row (words where plain)"),
        Field("rows", 88, 16, "rows of a block (1 where plain)"),
        Field("blocks", 104, 12, "blocks (1 where plain)"),
    ),
)  # fmt: skip
REGISTERS = (
    *STRIDES,
    Register(
        "pads", 4, "padding around each block",
        (
            Field("top", 0, 8, "rows above"),
            Field("bottom", 8, 8, "rows below"),
            Field("left", 16, 8, "words before each row"),
            Field("right", 24, 8, "words after each row"),
        ),
    ),
)  # fmt: skip
MOST_PADS = 255
"""Of a side."""
_SIDES = ("top", "bottom", "left", "right")
_BASES = np.array([*(BANK_BASE[target] for target in TARGETS), 0], np.int64)  # 3: illegal

hazards, cycles = no_hazards, as_the_port_lets


def is_plain(ld: Group) -> Mask:
    """Return which copy contiguous whole words."""
    return (ld["plain"] == 1) | (ld["target"] != TARGETS.index("ACT"))


def rules(ld: Group, machine: Machine) -> Iterator[Rule]:
    """Return what legal operands satisfy."""
    most = len(TARGETS) - 1
    target = ld["target"]
    yield Rule(target <= most, f"target: expected 0..{most}, found {{}}", (target,))
    yield from row_rules(ld, machine, is_plain(ld))
    for index, scratchpad in enumerate(TARGETS):
        rule = built_in(machine, scratchpad, ld["banks"])
        yield Rule(rule.holds | (target != index), rule.text, rule.values)


def _shape(ld: Group) -> tuple[Column, ...]:
    """Return blocks, rows, top, bottom, left, right."""
    plain = is_plain(ld)
    sides = (np.where(plain, 0, ld.registers["pads"][side]) for side in _SIDES)
    return np.where(plain, 1, ld["blocks"]), np.where(plain, 1, ld["rows"]), *sides


def nests(ld: Group, machine: Machine) -> list[Nest]:
    """Return the words written: padding, rows, padding of each block."""
    blocks, rows, top, bottom, left, right = _shape(ld)
    stride = ld.registers["act_stride"]
    levels = (
        (blocks, stride["block"]),
        (top + rows + bottom, stride["row"]),
        (left + ld["columns"] + right, np.ones_like(rows)),
    )
    return [
        Nest(target, True, ld["banks"], ld["address"], levels, ld["target"] == index)
        for index, target in enumerate(TARGETS)
    ]


def transfer(ld: Group, machine: Machine) -> Transfer:
    """Return the rows that are read, and the padding around them."""
    blocks, rows, *sides = _shape(ld)
    word = np.array([*(word_beats(machine, target) for target in TARGETS), 1], np.int64)
    beats = np.where(is_plain(ld), word[ld["target"]], ld.registers["element"]["beats"])
    return Transfer(
        ld["region"], ld["offset"], blocks, rows, ld["columns"], beats, *row_strides(ld), *sides
    )


def banks(ld: Any) -> Any:
    """Return the banks of the target that are written."""
    return ld["banks"] << _BASES[ld["target"]]


def counts(ld: Group, machine: Machine) -> dict[str, Column]:
    """Return the bytes read and the words written."""
    found = {"dram_read_bytes": moved_bytes(transfer(ld, machine), machine)}
    for nest in nests(ld, machine):
        (blocks, _), (rows, _), (columns, _) = nest.levels
        found[f"{nest.scratchpad.lower()}_writes"] = blocks * rows * columns * nest.applies
    return found
