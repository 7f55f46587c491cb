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
from npusim.simulator import activity
from npusim.simulator.activity import FEATURES
from npusim.simulator.execute.prepared_run import PreparedRun
from npusim.simulator.timing.timeline import Timeline

Activity = NDArray[np.int64]
"""int64 [ARRAY_FORMATS FEATURES]."""


class CountingRun(Simulation):
    """Carries out runs as Simulation does, and counts operand activity."""

    def __init__(self) -> None:
        super().__init__()
        self.features: dict[Step, Activity] = {}
        """Of each step, over all samples: int64 [instructions FEATURES]."""

    def call(self, step: Step) -> None:
        """Return None: no call counts."""

    def carry_out(self, step: Step, run: PreparedRun) -> None:
        """Carry out the prepared run of `step`, instruction after instruction."""
        counted = activity.Activity(run.timeline.machine, run.timeline.columns.count)
        run.run(counted)
        self.features[step] = self.features.get(step, 0) + counted.features


def format_of(timeline: Timeline) -> NDArray[np.int64]:
    """Return the place in ARRAY_FORMATS of each MAC, int64 [instructions]; 0 for the others."""
    group = timeline.columns.groups["MAC"]
    form = group.registers["mac_format"]
    found = np.zeros(timeline.columns.count, np.int64)
    found[group.pcs] = np.maximum(ARRAY_FORMAT[form["format"], form["bits"]], 0)
    return found


def layer_activity(
    program: Program, timelines: Sequence[Timeline], counted: CountingRun
) -> dict[str, Activity]:
    """Return each layer's activity by format, over all samples."""
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
