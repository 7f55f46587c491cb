"""Cycles, stalls, events and energy of each layer, from the timelines of a program's runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from npusim.cost.energy import energy_pj, sum_of, with_total
from npusim.isa.program import Layer, Program, Step
from npusim.isa.spec import ENGINES
from npusim.report.activity import EX_PARTS, ex_cycles
from npusim.simulator.machine.counts import event_counts
from npusim.simulator.machine.timeline import CAUSES, Timeline

_EX = ENGINES.index("EX")


@dataclass(frozen=True)
class LayerCycles:
    """One layer on the machine.

    `cycles`: from the end of the layer before to its own end, so that layers add up to the runs.
    `busy_cycles`, `stall_cycles`: of EX, by what it does (report/activity.py) and by cause of the
    waits before the layer's instructions. `utilization`: multiply-
    accumulates for each cycle and element of the array. `dram_bytes`: of LD and ST. `energy_pj`:
    `total` and by component. `counts`: events, npusim/simulator/machine/counts.py. What a run does
    before its first layer and behind its last one is theirs, so that events and energy add up too.
    """

    name: str
    operator: str
    macs: int
    cycles: int
    busy_cycles: dict[str, int]
    stall_cycles: dict[str, int]
    utilization: float
    dram_bytes: int
    energy_pj: dict[str, float]
    counts: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        row = asdict(self)
        del row["counts"]
        return row


def total_energy_pj(rows: Iterable[LayerCycles]) -> dict[str, float]:
    """Return the energy of all layers, `total` and by component."""
    return sum_of(row.energy_pj for row in rows)


def layer_spans(program: Program, step: Step, timeline: Timeline) -> list[tuple[Layer, int, int]]:
    """Return each layer of a run with its instructions first .. end - 1, counted in the run.

    Spans tile the run: what stands before the first layer and behind the last one is theirs.
    """
    layers = [
        layer for layer in program.layers if step.first <= layer.first < step.first + step.count
    ]
    ends = [layer.first + layer.count - step.first for layer in layers[:-1]]
    firsts = [0, *ends]
    return list(zip(layers, firsts, [*ends, timeline.columns.count], strict=False))


def busy_of_layers(program: Program, timelines: Sequence[Timeline]) -> dict[int, dict[str, int]]:
    """Return what EX does in each layer, by the layer's first instruction; waits left out."""
    parts = ex_cycles(program, timelines)
    return {
        layer.first: {name: part[name] for name in EX_PARTS if name not in CAUSES}
        for layer, part in zip(program.layers, parts, strict=True)
    }


def layer_cycles(program: Program, timelines: Sequence[Timeline]) -> tuple[LayerCycles, ...]:
    """Return one row for each layer of `program`; `timelines` are those of its runs, in order."""
    machine = program.machine
    technology = machine.energy.technology
    runs = [step for step in program.steps if step.kind == "run"]
    busy = busy_of_layers(program, timelines)
    rows = []
    for step, timeline in zip(runs, timelines, strict=True):
        events = event_counts(timeline)
        retired = np.maximum.accumulate(timeline.retire)
        on_ex = timeline.columns.engine == _EX
        done = 0
        for layer, first, end in layer_spans(program, step, timeline):
            is_last = end == timeline.columns.count
            until = timeline.cycles if is_last else int(retired[end - 1]) + 1
            stalls = timeline.stalls[first:end][on_ex[first:end]].sum(axis=0)
            counts, cycles = events.total(first, end - first), until - done
            energy = with_total(energy_pj(machine, technology, counts, cycles))
            rows.append(
                LayerCycles(
                    layer.name, layer.operator, layer.macs, cycles, busy[layer.first],
                    {cause: int(stalls[i]) for i, cause in enumerate(CAUSES)},
                    layer.macs / max(cycles * machine.size**2, 1),
                    counts["dram_read_bytes"] + counts["dram_write_bytes"],
                    energy, counts,
                )
            )  # fmt: skip
            done = until
    return tuple(rows)
