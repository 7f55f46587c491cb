"""The order in which the layers of a cascade are computed, some blocks of some rows at a time.

Two layers that take turns do so part by part. Where a turn would read what the one before it
writes, and MX so wait for EP, a later one comes between that does not: the next part of the first
layer where that has a second place for it, or what the next band begins with.

    in order    E0 D0 E1 D1 E2 D2 P   E0 D0 ...
    with two    E0 E1 D0 D1 E2 E0 D2  E1 P  D0 ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from npusim.compiler.cascade.plan import Plan, block_parts, leads_pair

LOOKAHEAD = 16
"""Turns behind the next one that may come before it."""

Place = tuple[int, int]
"""A tensor in ACT, the input being number 0, and which of its copies or slots."""


@dataclass(frozen=True)
class Turn:
    """Layer `index` on output blocks first .. end - 1 of band `band`.

    `copy`: of the tensor between it and the other layer of its pair. `begins`: whether it is the
    band's first turn, before which the input is loaded.
    """

    band: int
    index: int
    first: int
    end: int
    copy: int
    begins: bool
    reads: frozenset[Place]
    writes: frozenset[Place]

    def may_precede(self, other: Turn) -> bool:
        """Return whether it may come before `other`, which stands before it."""
        return not (self.writes & (other.reads | other.writes) or self.reads & other.writes)


def turns(plan: Plan) -> list[Turn]:
    """Return the turns of a cascade in order."""
    left, found = [*_in_order(plan)], list[Turn]()
    while left:
        at = 0
        if found and left[0].reads & found[-1].writes:
            at = next(
                (
                    place
                    for place, turn in enumerate(islice(left, 1, LOOKAHEAD), 1)
                    if not turn.reads & found[-1].writes
                    and all(turn.may_precede(other) for other in left[:place])
                ),
                0,
            )
        found.append(left.pop(at))
    return found


def _in_order(plan: Plan) -> Iterator[Turn]:
    layers = plan.layers
    for number in range(len(plan.bands)):
        index, slot = 0, (0, number % plan.input_slots)
        while index < len(layers):
            pair = range(index, index + 1 + leads_pair(layers, index))
            parts = [*block_parts(layers[index].target.blocks, plan.held_blocks(index))]
            for part, blocks in enumerate(parts):
                copy = (number * len(parts) + part) % plan.copies(index)
                for member in pair:
                    begins = member == 0 and part == 0
                    read = slot if member == 0 else (member, copy * (member > index))
                    reads, writes = {read}, {(member + 1, copy * (member == index))}
                    if begins and plan.tensors[0] is not None:
                        writes.add(slot)
                    if member + 1 == len(layers):
                        writes.clear()
                        reads |= {slot} if plan.adds_input else set()
                    yield Turn(
                        number, member, *blocks, copy, begins, frozenset(reads), frozenset(writes)
                    )
            index = pair.stop
