"""Where the tensors between a cascade's layers lie in ACT, so that MX and EP seldom share a bank.

While EP requantizes what one turn summed up, MX multiplies for the next one. It waits where what it
reads and what EP writes have a bank in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from npusim.compiler.cascade.plan import Plan
from npusim.compiler.cascade.turns import Place, Turn

MOST_TRIALS = 4000
"""Placements of a tensor that are tried."""

Pair = tuple[int, int]


def packed(plan: Plan, order: Sequence[Turn], banks: int) -> dict[Place, int]:
    """Return the first word of each copy of the tensors between layers, in `banks` banks of ACT."""
    names = [
        (index + 1, copy)
        for index in range(len(plan.layers) - 1)
        for copy in range(plan.copies(index))
    ]
    sizes = [plan.words_of(index) for index, _ in names]
    waits = _waits(plan, order)
    cost = {
        (a, b): waits[names[a], names[b]] + waits[names[b], names[a]]
        for a in range(len(names))
        for b in range(len(names))
    }
    search = _Search(sizes, cost, plan.machine.scratchpads.act_bank_words, banks)
    return dict(zip(names, search.starts, strict=True))


def _waits(plan: Plan, order: Sequence[Turn]) -> Counter[tuple[Place, Place]]:
    """Return the cycles that MX would wait if what is read and what is written shared a bank."""
    found: Counter[tuple[Place, Place]] = Counter()

    def add(reader: Turn, writer: Turn, cycles: int) -> None:
        for read in reader.reads:
            for written in writer.writes:
                found[read, written] += cycles

    for turn in order:
        pieces = plan.tilings[turn.index][1].pieces
        add(turn, turn, pieces.ep_cycles * (pieces.number - 1) // pieces.number)
    for before, turn in pairwise(order):
        pieces = plan.tilings[before.index][1].pieces
        add(turn, before, pieces.ep_cycles // pieces.number)
    return found


class _Search:
    """One tensor is placed behind the other, or in the next bank, in the order that costs least."""

    def __init__(self, sizes: Sequence[int], cost: dict[Pair, int], bank: int, banks: int) -> None:
        self.sizes, self.cost, self.bank, self.end = sizes, cost, bank, bank * banks
        self.left = MOST_TRIALS
        self.least: float = float("inf")
        self.starts: list[int] = []
        self._place([], 0, 0, sum(sizes))

    def _place(self, placed: list[tuple[int, int]], first: int, cost: int, rest: int) -> None:
        """Place what is not among `placed`, (number, first word), from word `first` on."""
        if cost >= self.least or not self.left:
            return
        if len(placed) == len(self.sizes):
            self.least = cost
            self.starts = [start for _, start in sorted(placed)]
            return
        choices = []
        taken = {number for number, _ in placed}
        for start in {first, -(-first // self.bank) * self.bank}:
            if start + rest > self.end:
                continue
            for number in range(len(self.sizes)):
                if number not in taken:
                    choices.append((self._shared(placed, number, start), start, number))
        for more, start, number in sorted(choices):
            self.left -= self.left > 0
            now = [*placed, (number, start)]
            size = self.sizes[number]
            self._place(now, start + size, cost + more, rest - size)

    def _shared(self, placed: list[tuple[int, int]], number: int, start: int) -> int:
        """Return what it costs that a tensor at `start` shares banks with others."""
        return sum(
            self.cost[number, other]
            for other, at in placed
            if (at + self.sizes[other] - 1) // self.bank >= start // self.bank
        )
