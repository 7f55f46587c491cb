"""Which fault ends a run, if any: the earliest, of those that no data can change.

Every fault follows from the program, the machine and the times of a schedule without faults: the
earliest one is exact, because nothing before it depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from npusim.isa.columns import ILLEGAL, UNREADABLE, Columns
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Column, Mask
from npusim.isa.spec import ENGINES, FACING, FAULTS, QUEUED_ENGINES, SIDES, TOKEN_MAX
from npusim.machines import Machine
from npusim.simulator.timing.bursts import Times
from npusim.simulator.timing.schedule import NEVER

AT_RETIREMENT = ("address", "axi", "token")
"""Faults of engines but FETCH that stand in the trace instead of a retirement."""


_QUEUED = range(1, len(ENGINES))


@dataclass(frozen=True)
class Fault:
    """What the fault register and the trace say."""

    cycle: int
    engine: str
    pc: int
    cause: str


def legal_operands(columns: Columns, machine: Machine) -> dict[str, Mask]:
    """Return for each instruction name a mask of its instructions: operands are legal."""
    legal = {name: np.ones(len(group.pcs), np.bool_) for name, group in columns.groups.items()}
    for name, group in columns.groups.items():
        for rule in PAGES[name].rules(group, machine):
            legal[name] &= rule.holds
    return legal


def bank_masks(columns: Columns) -> Column:
    """Return the banks that each instruction claims (scratchpads.BANK_BASE)."""
    masks = np.zeros(columns.count, np.int64)
    for name, group in columns.groups.items():
        masks[group.pcs] = PAGES[name].banks(group)
    return masks


def address_faults(columns: Columns, machine: Machine, legal: Mapping[str, Mask]) -> Mask:
    """Return a mask [instructions]: which access a word outside their banks or the scratchpad.

    `legal`: for each name, which of its instructions have legal operands (only those are asked).
    """
    faults = np.zeros(columns.count, np.bool_)
    for name, group in columns.groups.items():
        for nest in PAGES[name].nests(group, machine):
            asked = replace(nest, applies=nest.applies & legal[name])
            faults[group.pcs] |= asked.outside(machine)
    return faults


def find_faults(
    columns: Columns,
    machine: Machine,
    legal: Mapping[str, Mask],
    times: Times,
    end: int | None,
) -> tuple[Fault, ...]:
    """Return the faults of the earliest cycle that has one, lowest engine first.

    Parameters
    ----------
    times
        What schedule.py filled.
    end
        The cycle in which FETCH runs past the program's end; None where it does not.
    """
    issue, retire = times.issue, times.retire
    at = np.full(columns.count, NEVER, np.int64)
    cause = np.zeros(columns.count, np.int64)

    def note(mask: Mask, cycles: Column, name: str) -> None:
        """Faults noted first win within an instruction."""
        new = mask & (cycles >= 0) & (at == NEVER)
        at[new], cause[new] = cycles[new], FAULTS.index(name)

    illegal = np.zeros(columns.count, np.bool_)
    for name, group in columns.groups.items():
        illegal[group.pcs] = ~legal[name]
    note(columns.opcode == ILLEGAL, times.dispatch, "opcode")
    note(columns.opcode == UNREADABLE, times.dispatch, "axi")
    note(illegal, issue, "operand")
    note(_bank_clashes(columns, issue, retire), issue, "bank")
    note(address_faults(columns, machine, legal), retire, "address")
    note(times.bad_beat == 1, retire, "axi")
    note(_token_overflows(columns, issue, retire), retire, "token")
    first = min(int(at.min()), NEVER if end is None else end)
    if first == NEVER:
        return ()
    engine = np.where(columns.opcode > 0, columns.engine, 0)
    found = [
        Fault(first, ENGINES[engine[pc]], int(pc), FAULTS[cause[pc]])
        for pc in np.flatnonzero(at == first)
    ]
    if end == first:
        found.append(Fault(first, "FETCH", columns.count, "opcode"))
    return tuple(sorted(found, key=lambda fault: ENGINES.index(fault.engine)))


def _queued(columns: Columns, issue: Column, engine: int) -> Column:
    return np.flatnonzero((columns.engine == engine) & (columns.opcode > 0) & (issue >= 0))


def _bank_clashes(columns: Columns, issue: Column, retire: Column) -> Mask:
    masks = bank_masks(columns)
    clashes = np.zeros(columns.count, np.bool_)
    members = {engine: _queued(columns, issue, engine) for engine in _QUEUED}
    for one, mine in members.items():
        for other, theirs in members.items():
            if one == other or not theirs.size:
                continue
            last = np.searchsorted(issue[theirs], issue[mine], side="right") - 1
            rival = theirs[np.maximum(last, 0)]
            together = (last >= 0) & (retire[rival] >= issue[mine])
            if one < other:  # of two that issue in one cycle the higher-numbered engine faults
                together &= issue[rival] < issue[mine]
            clashes[mine] |= together & (masks[rival] & masks[mine] != 0)
    return clashes


def _token_overflows(columns: Columns, issue: Column, retire: Column) -> Mask:
    overflows = np.zeros(columns.count, np.bool_)
    for giver in _QUEUED:
        for name, step in SIDES.items():
            taker = 1 + (giver - 1 + step) % len(QUEUED_ENGINES)
            gives = _queued(columns, issue, giver)
            gives = gives[columns.header(f"signal_{name}")[gives] == 1]
            takes = _queued(columns, issue, taker)
            takes = takes[columns.header(f"wait_{FACING[name]}")[takes] == 1]
            taken = np.searchsorted(issue[takes], retire[gives], side="right")
            waiting = np.arange(1, len(gives) + 1) - taken
            overflows[gives] |= waiting > TOKEN_MAX
    return overflows
