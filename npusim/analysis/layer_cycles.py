"""Cycles, stalls, events and energy of each layer, from the timelines of a program's runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from npusim.analysis.engine_activity import COMPUTE_WORK, WAITS, compute_cycles, layer_of
from npusim.cost.energy import energy_pj, sum_of, with_total
from npusim.isa.program import Program
from npusim.simulator.counts import event_counts
from npusim.simulator.timing.dram import OUTCOMES
from npusim.simulator.timing.timeline import Timeline


@dataclass(frozen=True)
class LayerCycles:
    """One layer on the machine.

    `cycles`: from the end of the layer before to its own end, so that layers add up to the runs.
    `busy_cycles`, `stall_cycles`: of MX and EP, by what they do (analysis/engine_activity.py) and
    what they wait for before the layer's instructions. `utilization`: multiply-
    accumulates for each cycle and element of the array. `dram_bytes`: of LD and ST. `energy_pj`:
    `total` and by component. `counts`: events, npusim/simulator/counts.py. What a run does
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

    @property
    def dram_accesses(self) -> dict[str, int]:
        """What its accesses met in a DRAM of banks and rows; empty in another memory."""
        return accesses_of(self.counts)

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        row = asdict(self)
        del row["counts"]
        return row | ({"dram_accesses": self.dram_accesses} if self.dram_accesses else {})


def accesses_of(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the outcomes of DRAM accesses among event counts; empty where there are none."""
    found = {name.removeprefix("dram_"): counts[name] for name in OUTCOMES}
    return found if any(found.values()) else {}


def total_energy_pj(rows: Iterable[LayerCycles]) -> dict[str, float]:
    """Return the energy of all layers, `total` and by component."""
    return sum_of(row.energy_pj for row in rows)


def layer_cycles(program: Program, timelines: Sequence[Timeline]) -> tuple[LayerCycles, ...]:
    """Return one row for each layer of `program`; `timelines` are those of its runs, in order."""
    machine = program.machine
    technology = machine.energy.technology
    counted = [event_counts(timeline) for timeline in timelines]
    parts = compute_cycles(program, timelines, counted)
    owners = layer_of(program)
    early = np.zeros(len(program.instructions), bool)  # their retirement ends no layer
    early[[pc for layer in program.layers for pc in layer.early]] = True
    rows = []
    for step, timeline, events in zip(program.runs(), timelines, counted, strict=True):
        own = owners[step.first : step.first + step.count]
        on_time = ~early[step.first : step.first + step.count]
        retired = np.maximum.accumulate(np.where(on_time, timeline.retire[: step.count], -1))
        done = 0
        sums = np.zeros((len(program.layers), len(events.columns)), np.int64)
        counted_here = np.stack([*events.columns.values()], axis=1)[: step.count]
        np.add.at(sums, own[own >= 0], counted_here[own >= 0])
        for place, _, end in program.layer_spans(step):
            layer, part = program.layers[place], parts[place]
            until = timeline.cycles if end == step.count else int(retired[end - 1]) + 1
            counts = dict(zip(events.columns, sums[place].tolist(), strict=True))
            cycles = until - done
            energy = with_total(energy_pj(machine, technology, counts, cycles))
            rows.append(
                LayerCycles(
                    layer.name, layer.operator, layer.macs, cycles,
                    {name: part[name] for name in COMPUTE_WORK},
                    {name: part[name] for name in WAITS},
                    layer.macs / max(cycles * machine.multipliers, 1),
                    counts["dram_read_bytes"] + counts["dram_write_bytes"],
                    energy, counts,
                )
            )  # fmt: skip
            done = until
    return tuple(rows)
