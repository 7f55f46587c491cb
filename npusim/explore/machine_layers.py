"""Cycles, stalls and traffic of each layer, from the timelines of a program's runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from npusim.isa.program import Program
from npusim.isa.spec import ENGINES
from npusim.simulator.machine.moves import moves_of
from npusim.simulator.machine.timeline import CAUSES, Timeline
from npusim.simulator.machine.walk import BLOCKS, COLUMNS, ELEMENT, ROWS

_EX = ENGINES.index("EX")


@dataclass(frozen=True)
class LayerCycles:
    """One layer on the machine.

    `cycles`: from the end of the layer before to its own end, so that layers add up to the runs.
    `stall_cycles`: of EX, by cause, before the layer's instructions. `utilization`: multiply-
    accumulates for each cycle and element of the array. `dram_bytes`: of LD and ST.
    """

    name: str
    operator: str
    macs: int
    cycles: int
    stall_cycles: dict[str, int]
    utilization: float
    dram_bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return asdict(self)


def layer_cycles(program: Program, timelines: Sequence[Timeline]) -> tuple[LayerCycles, ...]:
    """Return one row for each layer of `program`; `timelines` are those of its runs, in order."""
    machine = program.machine
    runs = [step for step in program.steps if step.kind == "run"]
    rows = []
    for step, timeline in zip(runs, timelines, strict=True):
        traffic = _dram_bytes(program, timeline)
        ends = np.maximum.accumulate(timeline.retire)
        on_ex = timeline.columns.engine == _EX
        done, start, layers = 0, step.first, []
        for layer in program.layers:
            if step.first <= layer.first < step.first + step.count:
                layers.append(layer)
        for place, layer in enumerate(layers):
            first = layer.first - start
            span = slice(first, first + layer.count)
            is_last = place == len(layers) - 1
            end = timeline.cycles if is_last else int(ends[first + layer.count - 1]) + 1
            stalls = timeline.stalls[span][on_ex[span]].sum(axis=0)
            cycles = end - done
            rows.append(
                LayerCycles(
                    layer.name, layer.operator, layer.macs, cycles,
                    {cause: int(stalls[i]) for i, cause in enumerate(CAUSES)},
                    layer.macs / max(cycles * machine.size**2, 1),
                    int(traffic[span].sum()),
                )
            )  # fmt: skip
            done = end
    return tuple(rows)


def _dram_bytes(program: Program, timeline: Timeline) -> np.ndarray:
    """Return the bytes that each instruction moves to or from DRAM."""
    machine = program.machine
    moves, place = moves_of(timeline.columns, machine, program.region_addresses())
    result = np.zeros(timeline.columns.count, np.int64)
    groups = timeline.columns.groups
    for name in ("LD", "ST"):
        pcs = groups[name].pcs
        part = moves[place[pcs]]
        beats = part[:, BLOCKS] * part[:, ROWS] * part[:, COLUMNS] * part[:, ELEMENT]
        result[pcs] = beats * machine.bus.bus_bytes
    return result
