"""The DRAM side of LD and ST: one row of walk.MOVES for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npusim.errors import RangeError
from npusim.isa.legal import word_beats
from npusim.isa.spec import REGION_COUNT, TARGETS
from npusim.machines import Machine
from npusim.simulator.machine.columns import Column, Columns, Group


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
    for name, geometry in (("LD", _of_load), ("ST", _of_store)):
        group = columns.groups[name]
        place[group.pcs] = np.arange(len(group.pcs)) + sum(len(table) for table in tables)
        start = base_beats[group["region"]] + group["offset"]
        tables.append(np.stack([start, *geometry(group, machine)], axis=1))
    return np.concatenate(tables), place


def _strides(group: Group) -> list[Column]:
    return [group.registers[name]["value"] for name in ("row_stride", "block_stride")]


def _of_store(group: Group, machine: Machine) -> list[Column]:
    extent = [group[key] for key in ("blocks", "rows", "columns")]
    no_pads = [np.zeros_like(group.pcs)] * 4
    return [*extent, group.registers["element"]["beats"], *_strides(group), *no_pads]


def _of_load(group: Group, machine: Machine) -> list[Column]:
    registers = group.registers
    whole = (group["plain"] == 1) | (group["target"] != TARGETS.index("ACT"))
    word = np.array([word_beats(machine, target) for target in TARGETS] + [1], np.int64)
    return [
        np.where(whole, 1, group["blocks"]),
        np.where(whole, 1, group["rows"]),
        group["columns"],
        np.where(whole, word[group["target"]], registers["element"]["beats"]),
        *_strides(group),
        *(np.where(whole, 0, registers["pads"][k]) for k in ("top", "bottom", "left", "right")),
    ]
