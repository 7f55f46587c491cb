"""How full the scratchpads are: words whose content is still to be read, at every cycle.

A word is live from the issue of the instruction that writes it to the retirement of the last one
that reads it before it is written again. Words that nobody reads any more are free, whatever they
hold: so the peak says what a program needs, not what it once touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.analysis.engine_activity import bin_edges
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Nest
from npusim.isa.program import Program
from npusim.isa.scratchpads import SCRATCHPADS, pad_words
from npusim.machines import Machine
from npusim.simulator.timing.timeline import Timeline

Column = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Occupancy:
    """Live words of one scratchpad: `live[i]` from cycle `cycles[i]` to the next change.

    `words` is what the scratchpad holds. The first change is at cycle 0.
    """

    words: int
    cycles: Column
    live: Column

    def peaks(self, run_cycles: int, bins: int) -> Column:
        """Return the most live words in each of `bins` parts of the run (activity.bin_edges)."""
        edges = bin_edges(run_cycles, bins)[:-1]
        held = self.live[np.searchsorted(self.cycles, edges, side="right") - 1]
        changes = np.searchsorted(edges, self.cycles, side="right") - 1
        np.maximum.at(held, changes, self.live)
        return held


class _Words:
    """The words of one scratchpad while a run is walked through."""

    def __init__(self, words: int, count: int) -> None:
        self.writer = np.full(words, -1, np.int64)
        self.reader = np.full(words, -1, np.int64)
        self.begun = np.zeros(count, np.int64)
        self.ended = np.zeros(count, np.int64)
        self.replaced = np.zeros(count, np.int64)

    def touch(self, words: Column, is_write: bool, pc: int) -> None:
        if not is_write:
            self.reader[words] = pc
            return
        self._close(words, pc)
        self.writer[words], self.reader[words] = pc, -1

    def _close(self, words: Column, pc: int) -> None:
        read = words[(self.reader[words] >= 0) & (self.writer[words] >= 0)]
        np.add.at(self.begun, self.writer[read], 1)
        readers = self.reader[read]
        np.add.at(self.ended, readers[readers != pc], 1)
        if pc >= 0:  # read and written by one instruction: the new content takes the place
            self.replaced[pc] += np.count_nonzero(readers == pc)

    def changes(self, timeline: Timeline) -> tuple[Column, Column]:
        """Return cycles and by how many words the live ones change there."""
        self._close(np.arange(len(self.writer)), -1)
        cycles = np.concatenate([timeline.issue, timeline.retire + 1, timeline.issue])
        change = np.concatenate([self.begun, -self.ended, -self.replaced])
        some = change != 0
        return cycles[some], change[some]


def capacities(machine: Machine) -> dict[str, int]:
    """Return the words of each scratchpad."""
    return {name: pad_words(machine, name) for name in SCRATCHPADS}


def occupancy(program: Program, timelines: Sequence[Timeline]) -> dict[str, Occupancy]:
    """Return the live words of each scratchpad over all runs, one after the other."""
    sizes = capacities(program.machine)
    cycles: dict[str, list[Column]] = {name: [np.zeros(1, np.int64)] for name in SCRATCHPADS}
    changes: dict[str, list[Column]] = {name: [np.zeros(1, np.int64)] for name in SCRATCHPADS}
    start = 0
    for step, timeline in zip(program.runs(), timelines, strict=True):
        words = {name: _Words(size, step.count) for name, size in sizes.items()}
        nests: list[list[tuple[Nest, int]]] = [[] for _ in range(step.count)]
        for name, group in timeline.columns.groups.items():
            for nest in PAGES[name].nests(group, program.machine):
                for i in np.flatnonzero(nest.applies).tolist():
                    nests[group.pcs[i]].append((nest, i))
        issued = np.flatnonzero(timeline.issue >= 0)
        for pc in issued[np.argsort(timeline.issue[issued], kind="stable")].tolist():
            for nest, i in nests[pc]:
                words[nest.scratchpad].touch(nest.touched(i), nest.is_write, pc)
        for name in SCRATCHPADS:
            at, by = words[name].changes(timeline)
            cycles[name].append(at + start)
            changes[name].append(by)
        start += timeline.cycles
    return {
        name: _summed(sizes[name], np.concatenate(cycles[name]), np.concatenate(changes[name]))
        for name in SCRATCHPADS
    }


def _summed(words: int, cycles: Column, changes: Column) -> Occupancy:
    at, place = np.unique(cycles, return_inverse=True)
    by = np.zeros(len(at), np.int64)
    np.add.at(by, place, changes)
    return Occupancy(words, at, np.cumsum(by))
