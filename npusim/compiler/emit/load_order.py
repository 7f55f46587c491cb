"""The order of instructions: loads stand before what they need not wait for.

FETCH dispatches in program order, and waits where an engine's queue is full. A load that stands
behind the instructions of the tile before it would be dispatched when these have nearly ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from npusim.isa.spec import TARGETS

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

    A load that has to wait may be overtaken by the one behind it. All others keep their order.
    """
    left = [index for index, operation in enumerate(operations) if operation.name == "LD"]
    free = _free_behind(operations)
    early: list[int] = []
    for index, operation in enumerate(operations):
        if operation.name == "LD":
            continue
        while left and left[0] < index:
            yield left.pop(0)
        early = [load for load in early if load > index]
        while left and len(early) < LOADS_AHEAD:
            second = free[left[0]] >= index
            if second and not (
                len(left) > 1
                and free[left[1]] < index
                and _may_overtake(operations[left[1]], operations[left[0]])
            ):
                break
            early.append(left.pop(second))
            yield early[-1]
        yield index
    yield from left


def _may_overtake(load: Operation, waiting: Operation) -> bool:
    """Return whether `load` may go before a load that waits for a bank: never of the same one.

    Activations wait for stores while weights of their layer could come; parameters wait for one of
    few banks while the layer behind could load. Anything else would delay what is needed first.
    """
    is_parameters = waiting.fields["target"] == TARGETS.index("PAR")
    return is_parameters != (load.layer == waiting.layer) and not load.banks & waiting.banks


def _free_behind(operations: list[Operation]) -> dict[int, int]:
    """Return for each load the last operation before it that it has to stand behind."""
    users: dict[int, int] = {}
    stores: list[tuple[int, tuple[int, int, int]]] = []
    result = {}
    for index, (name, _, _, banks, dram, _) in enumerate(operations):
        left, last = banks, -1
        while left:
            bank = left & -left
            left ^= bank
            if name == "LD":
                last = max(last, users.get(bank, -1))
            else:
                users[bank] = index
        if name == "LD" and dram is not None:
            for other, (region, first, end) in reversed(stores):
                if other <= last:
                    break
                if region == dram[0] and first < dram[2] and dram[1] < end:
                    last = other
            result[index] = last
        elif name == "ST" and dram is not None:
            stores.append((index, dram))
    return result
