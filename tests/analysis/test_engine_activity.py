"""Slices tile the run, their sums are the timeline's counters, nothing is lost when joined."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.analysis.engine_activity import (
    COMPUTE_PARTS,
    KINDS,
    WAITS,
    Slices,
    bin_edges,
    compute_cycles,
    compute_slices,
    engine_slices,
    joined,
    shares,
)
from npusim.engines.program_cost import ProgramCost
from npusim.isa.spec import QUEUED_ENGINES
from npusim.simulator.counts import event_counts
from npusim.simulator.timing.timeline import CAUSES, Timeline
from tests.reported import Reported

IDLE = KINDS.index("idle")


def cycle_by_cycle(timeline: Timeline, engine: str) -> np.ndarray:
    """Return what the engine does in each cycle: 0 busy, 1.. a stall's cause, -1 idle."""
    found = np.full(timeline.cycles, -1)
    for pc in timeline.of_engine(engine):
        found[timeline.issue[pc] : timeline.retire[pc] + 1] = 0
        at = timeline.stall_start[pc]
        for index, length in enumerate(timeline.stalls[pc]):
            found[at : at + length] = 1 + index
            at += length
    return found


def spread(slices: Slices) -> np.ndarray:
    """Return the kind of each cycle."""
    return np.repeat(slices.kinds, slices.lengths)


def test_slices_say_what_each_cycle_is(reported: Reported) -> None:
    program, timelines = reported.result.cost.program, reported.result.cost.timelines
    assert program is not None
    slices = engine_slices(program, timelines)
    stalls = {KINDS.index(cause): 1 + index for index, cause in enumerate(CAUSES)}
    meaning = np.array([stalls.get(kind, 0) for kind in range(len(KINDS))])
    meaning[IDLE] = -1
    for engine in QUEUED_ENGINES:
        expected = cycle_by_cycle(timelines[0], engine)
        np.testing.assert_array_equal(meaning[spread(slices[engine])], expected)


def test_sums_are_those_of_the_timeline(in_two_runs: ProgramCost) -> None:
    slices = engine_slices(in_two_runs.program, in_two_runs.timelines)
    counters = [timeline.counters() for timeline in in_two_runs.timelines]
    for engine, found in slices.items():
        assert found.lengths.sum() == in_two_runs.cycles
        assert (np.diff(found.layers) >= 0).all()
        for cause in (*CAUSES, "idle"):
            own = found.lengths[found.kinds == KINDS.index(cause)].sum()
            assert own == sum(counter[engine][cause] for counter in counters)


def test_compute_cycles_add_up_and_hold_the_stalls_of_the_results(in_two_runs: ProgramCost) -> None:
    counted = [event_counts(timeline) for timeline in in_two_runs.timelines]
    rows = compute_cycles(in_two_runs.program, in_two_runs.timelines, counted)
    slices = compute_slices(in_two_runs.program, in_two_runs.timelines)
    idle = slices.lengths[slices.kinds == IDLE].sum()
    assert sum(sum(row.values()) for row in rows) + idle == in_two_runs.cycles
    for row, layer in zip(rows, in_two_runs.layers, strict=True):
        assert tuple(row) == COMPUTE_PARTS
        assert min(row.values()) >= 0
        assert {cause: row[cause] for cause in WAITS} == layer.stall_cycles
    size = in_two_runs.program.machine.size
    for row, layer in zip(rows, in_two_runs.layers, strict=True):
        assert layer.macs <= row["array"] * size**2  # never more than operands at the array


@pytest.mark.parametrize("most", [40, 7])
def test_joined_slices_keep_cycles_and_layers(reported: Reported, most: int) -> None:
    program, timelines = reported.result.cost.program, reported.result.cost.timelines
    assert program is not None
    engines = engine_slices(program, timelines).values()
    for slices in sorted(engines, key=lambda slices: -len(slices.kinds))[:2]:  # ST has few
        fewer, least = joined(slices, max(most, len(set(slices.layers.tolist()))))
        assert least > 0
        assert len(fewer.kinds) < len(slices.kinds)
        assert fewer.lengths.sum() == slices.lengths.sum()
        for layer in range(len(program.layers)):
            cycles = fewer.lengths[fewer.layers == layer].sum()
            assert cycles == slices.lengths[slices.layers == layer].sum()
        same, never = joined(slices, len(slices.kinds))
        assert (same, never) == (slices, 0)


@pytest.mark.parametrize("bins", [1, 7, 400])
def test_shares_count_each_part_of_the_run(reported: Reported, bins: int) -> None:
    program, timelines = reported.result.cost.program, reported.result.cost.timelines
    assert program is not None
    for slices in engine_slices(program, timelines).values():
        kinds = spread(slices)
        edges = bin_edges(len(kinds), bins)
        expected = [
            np.bincount(part, minlength=len(KINDS)) for part in np.split(kinds, edges[1:-1])
        ]
        np.testing.assert_array_equal(shares(slices, bins), expected)
