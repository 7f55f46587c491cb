"""The order of instructions: loads stand before what they need not wait for.

FETCH dispatches in program order, and waits where an engine's queue is full. A load that stands
behind the instructions of the tile before it would be dispatched when these have nearly ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

LOADS_AHEAD = 3
"""Loads that stand early at once; with their CFG they fit LD's queue."""


class Operation(NamedTuple):
    """An instruction with the registers it wants changed, and what it touches.

    `banks`: a bit for each bank of ACT, WGT, PAR; `dram`: region, first and end beat; `layer`: its
    number.
    """

    name: str
    fields: dict[str, int]
    registers: dict[int, int]
    banks: int
    dram: tuple[int, int, int] | None
    layer: int


def loads_ahead(operations: list[Operation]) -> Iterator[int]:
    """Return places in `operations`, loads moved up, each behind all that shares a bank or bytes.

    The loads keep their order, and so do all others.
    """
    loads = [place for place, operation in enumerate(operations) if operation.name == "LD"]
    free = _free_behind(operations)
    turn = 0
    for place, operation in enumerate(operations):
        if operation.name == "LD":
            continue
        while turn < len(loads) and loads[turn] < place:
            yield loads[turn]
            turn += 1
        ahead = turn
        while ahead > 0 and loads[ahead - 1] > place:
            ahead -= 1
        while turn < min(len(loads), ahead + LOADS_AHEAD) and free[loads[turn]] < place:
            yield loads[turn]
            turn += 1
        yield place
    yield from loads[turn:]


def _free_behind(operations: list[Operation]) -> dict[int, int]:
    """Return for each load the last operation before it that it has to stand behind."""
    users: dict[int, int] = {}
    stores: list[tuple[int, tuple[int, int, int]]] = []
    result = {}
    for place, (name, _, _, banks, dram, _) in enumerate(operations):
        left, last = banks, -1
        while left:
            bank = left & -left
            left ^= bank
            if name == "LD":
                last = max(last, users.get(bank, -1))
            else:
                users[bank] = place
        if name == "LD" and dram is not None:
            for other, (region, first, end) in reversed(stores):
                if other <= last:
                    break
                if region == dram[0] and first < dram[2] and dram[1] < end:
                    last = other
            result[place] = last
        elif name == "ST" and dram is not None:
            stores.append((place, dram))
    return result
