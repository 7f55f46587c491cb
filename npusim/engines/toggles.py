"""Energy of the data that ran: operand activity of each layer, counted as the machine runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.analysis.layer_cycles import LayerCycles
from npusim.codes import ARRAY_FORMATS
from npusim.codes.columns import ARRAY_FORMAT
from npusim.cost.toggles import array_energy_pj, replaced
from npusim.engines.simulation import Simulation
from npusim.isa.program import Program, Step
from npusim.simulator.activity import FEATURES, Activity
from npusim.simulator.timing.timeline import Timeline


class CountingRun(Simulation):
    """Carries out runs as Simulation does, and counts operand activity."""

    def __init__(self) -> None:
        super().__init__()
        self.features: dict[Step, NDArray[np.int64]] = {}
        """Of each step, over all samples: int64 [instructions FEATURES]."""

    def activity_of(self, step: Step, timeline: Timeline) -> Activity:
        """Return what counts the activity of `step`."""
        counted = Activity(timeline.machine, timeline.columns.count)
        self.features[step] = counted.features
        return counted


def format_of(timeline: Timeline) -> NDArray[np.int64]:
    """Return the place in ARRAY_FORMATS of each MAC, int64 [instructions]; 0 for the others."""
    group = timeline.columns.groups["MAC"]
    form = group.registers["mac_format"]
    found = np.zeros(timeline.columns.count, np.int64)
    found[group.pcs] = np.maximum(ARRAY_FORMAT[form["format"], form["bits"]], 0)
    return found


def layer_activity(
    program: Program, timelines: Sequence[Timeline], counted: CountingRun
) -> dict[str, NDArray[np.int64]]:
    """Return each layer's activity by format, over all samples: [ARRAY_FORMATS FEATURES]."""
    found = {}
    for step, timeline in zip(program.runs(), timelines, strict=True):
        places, features = format_of(timeline), counted.features[step]
        for place, first, end in program.layer_spans(step):
            sums = np.zeros((len(ARRAY_FORMATS), len(FEATURES)), np.int64)
            np.add.at(sums, places[first:end], features[first:end])
            found[program.layers[place].name] = sums
    return found


def with_toggles(
    rows: Sequence[LayerCycles],
    program: Program,
    timelines: Sequence[Timeline],
    counted: CountingRun,
    samples: int,
) -> tuple[LayerCycles, ...]:
    """Return `rows` with the energy of products replaced by that of the mean of `samples` runs."""
    machine, found = program.machine, []
    by_layer = layer_activity(program, timelines, counted)
    for row in rows:
        mean = {
            name: dict(zip(FEATURES, (sums / samples).tolist(), strict=True))
            for name, sums in zip(ARRAY_FORMATS, by_layer[row.name], strict=True)
        }
        array = array_energy_pj(machine, machine.energy.technology, mean)
        found.append(replace(row, energy_pj=replaced(row.energy_pj, array)))
    return tuple(found)
