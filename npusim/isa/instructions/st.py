"""ST: ACT -> DRAM, rows of elements. docs/architecture.md, section 2, has the loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from npusim.isa.fields import Field, Format
from npusim.isa.nest import Column, Nest
from npusim.isa.page import Group, Rule, Transfer, as_the_port_lets, built_in, no_hazards
from npusim.isa.rows import DRAM_ADDRESS, STRIDES, moved_bytes, row_rules, row_strides
from npusim.isa.scratchpads import BANK_BASE
from npusim.machines import Machine

FORMAT = Format(
    "ST", 3, ("ST",), "ACT -> DRAM, 3-D strided",
    (
        *DRAM_ADDRESS,
        Field("address", 48, 16, "first word read"),
        Field("banks", 64, 8, "ACT banks read"),
        Field("columns", 72, 16, "elements of a row"),
        Field("rows", 88, 16, "rows of a block"),
        Field("blocks", 104, 12, "blocks"),
    ),
)  # fmt: skip
REGISTERS = STRIDES

hazards, cycles = no_hazards, as_the_port_lets


def rules(st: Group, machine: Machine) -> Iterator[Rule]:
    """Return what legal operands satisfy."""
    yield from row_rules(st, machine, np.zeros(len(st.pcs), np.bool_))
    yield built_in(machine, "ACT", st["banks"])


def nests(st: Group, machine: Machine) -> list[Nest]:
    """Return the words read."""
    stride, one = st.registers["act_stride"], np.ones_like(st.pcs)
    rows = (st["blocks"], stride["block"]), (st["rows"], stride["row"])
    return [Nest("ACT", False, st["banks"], st["address"], (*rows, (st["columns"], one)), one == 1)]


def transfer(st: Group, machine: Machine) -> Transfer:
    """Return the rows that are written."""
    extent = (st["blocks"], st["rows"], st["columns"])
    beats, none = st.registers["element"]["beats"], np.zeros_like(st.pcs)
    place = (st["region"], st["offset"])
    return Transfer(*place, *extent, beats, *row_strides(st), none, none, none, none)


def banks(st: Any) -> Any:
    """Return the banks read."""
    return st["banks"] << BANK_BASE["ACT"]


def counts(st: Group, machine: Machine) -> dict[str, Column]:
    """Return the bytes written and the words read."""
    return {
        "dram_write_bytes": moved_bytes(transfer(st, machine), machine),
        "act_reads": st["blocks"] * st["rows"] * st["columns"],
    }
