"""The DRAM side of LD and ST in a memory: where their regions begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError
from npusim.isa.columns import Columns
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Column
from npusim.isa.spec import DRAM_SPACE, REGION_COUNT
from npusim.machines import Machine


class Move(NamedTuple):
    """A LD or ST: as on its page (isa/page.Transfer), but for `start`, a beat of DRAM."""

    start: int
    blocks: int
    rows: int
    columns: int
    element_beats: int
    row_stride: int
    block_stride: int
    top: int
    bottom: int
    left: int
    right: int


MOVE = np.dtype([(name, np.int64) for name in Move._fields])


def moves_of(columns: Columns, machine: Machine, bases: Sequence[int]) -> tuple[NDArray, Column]:
    """Return a MOVE for each LD, then for each ST, and each instruction's number among them.

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
    every_beat = DRAM_SPACE // bus_bytes  # addresses wrap
    base_beats = np.zeros(REGION_COUNT, np.int64)
    base_beats[: len(bases)] = [base // bus_bytes for base in bases]
    loads, stores = columns.groups["LD"], columns.groups["ST"]
    number = np.zeros(columns.count, np.int64)
    number[loads.pcs] = np.arange(len(loads.pcs))
    number[stores.pcs] = len(loads.pcs) + np.arange(len(stores.pcs))
    tables = []
    for name, group in (("LD", loads), ("ST", stores)):
        transfer = PAGES[name].transfer(group, machine)
        assert transfer is not None
        table = np.zeros(len(group.pcs), MOVE)
        for field in Move._fields[1:]:
            table[field] = getattr(transfer, field)
        table["start"] = (base_beats[transfer.region] + transfer.offset) % every_beat
        tables.append(table)
    return np.concatenate(tables), number
