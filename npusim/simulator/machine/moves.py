"""The DRAM side of LD and ST: one row of walk.MOVES for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.errors import RangeError
from npusim.isa.columns import Columns
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Column
from npusim.isa.page import Transfer
from npusim.isa.spec import REGION_COUNT
from npusim.machines import Machine


def moves_of(columns: Columns, machine: Machine, bases: Sequence[int]) -> tuple[Column, Column]:
    """Return the MOVES of all LDs, then of all STs, and each instruction's row among them.

    `bases`: byte address of each DRAM region.

    Raises
    ------
    RangeError
        A region does not begin at a whole beat.
    """
    bus_bytes = machine.bus.bus_bytes
    for region, base in enumerate(bases):
        if base % bus_bytes:
            raise RangeError(f"region {region}: expected a multiple of {bus_bytes}, found {base}")
    place = np.zeros(columns.count, np.int64)
    base_beats = np.zeros(REGION_COUNT, np.int64)
    base_beats[: len(bases)] = [base // bus_bytes for base in bases]
    tables: list[Column] = []
    for name in ("LD", "ST"):
        group = columns.groups[name]
        place[group.pcs] = np.arange(len(group.pcs)) + sum(len(table) for table in tables)
        move = PAGES[name].transfer(group, machine)
        assert move is not None
        start = base_beats[move.region] + move.offset
        tables.append(np.stack([start, *move[Transfer._fields.index("blocks") :]], axis=1))
    return np.concatenate(tables), place
