"""The trace is a Chrome trace (Trace Event Format), and says what the timeline says."""

from __future__ import annotations

import gzip
import io
import json
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from npusim.engines.program_cost import ProgramCost
from npusim.isa.assembly import assemble
from npusim.isa.program import Program
from npusim.isa.spec import QUEUED_ENGINES
from npusim.report.trace import TRACKS, write_trace
from npusim.simulator.timing.timeline import CAUSES, Timeline
from tests.reported import Reported

REQUIRED = {
    "M": {"name", "ph", "pid", "tid", "args"},
    "X": {"name", "cat", "ph", "pid", "tid", "ts", "dur", "args"},
    "C": {"name", "ph", "pid", "ts", "args"},
}
"""Keys of an event by its phase, from the format's description."""


def trace_of(
    program: Program, timelines: tuple[Timeline, ...], cycles: dict[str, int], packed: bool = False
) -> bytes:
    file = io.BytesIO()
    write_trace(file, program, timelines, cycles, packed)
    return file.getvalue()


def digits_trace(reported: Reported) -> dict[str, Any]:
    program = reported.result.cost.program
    assert program is not None
    return json.loads(trace_of(program, reported.result.cost.timelines, reported.layer_cycles))


def require_chrome_trace(trace: dict[str, Any], cycles: int, end: int) -> None:
    """Fail unless `trace` is one of a run of `cycles`, from 0 to `end`, in tracks that overlap not.

    `end` is `cycles` and what the machine waits for the host.
    """
    events = trace["traceEvents"]
    assert trace["displayTimeUnit"] in ("ms", "ns")
    assert trace["otherData"]["time_unit"] == "1 us = 1 cycle"
    assert trace["otherData"]["cycles"] == cycles
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    tracks, counters = defaultdict(list), defaultdict(list)
    for event in events:
        assert set(event) == REQUIRED[event["ph"]], event
        assert isinstance(event["name"], str)
        if event["ph"] == "M":
            continue
        assert type(event["ts"]) is int
        assert 0 <= event["ts"] <= end
        if event["ph"] == "X":
            assert type(event["dur"]) is int
            assert event["dur"] > 0
            assert event["tid"] in named
            tracks[event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
        elif event["ph"] == "C":
            (value,) = event["args"].values()
            assert type(value) is int
            assert value >= 0
            counters[event["name"]].append((event["ts"], value))
    for spans in tracks.values():
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert min(span[0] for spans in tracks.values() for span in spans) == 0
    assert max(span[1] for spans in tracks.values() for span in spans) == end
    for name, points in counters.items():
        times, values = zip(*points, strict=True)
        assert list(times) == sorted(times), name
        if name.endswith("bytes"):
            assert list(values) == sorted(values), name


def test_is_a_chrome_trace_of_the_run_s_length(reported: Reported) -> None:
    assert reported.result.cycles is not None
    cycles = reported.result.cycles
    require_chrome_trace(digits_trace(reported), cycles, cycles)


def test_several_runs_and_host_operators_follow_each_other(in_two_runs: ProgramCost) -> None:
    cycles = {layer.name: layer.cycles for layer in in_two_runs.layers}
    trace = json.loads(trace_of(in_two_runs.program, in_two_runs.timelines, cycles))
    host = in_two_runs.program.machine.host
    assert host.frequency_hz == in_two_runs.program.machine.clock.frequency_hz
    waited = [row.cycles for row in in_two_runs.host]
    end = in_two_runs.cycles + sum(waited)
    require_chrome_trace(trace, in_two_runs.cycles, end)
    hosts = [event for event in trace["traceEvents"] if event.get("cat") == "host"]
    assert [event["name"] for event in hosts] == list(in_two_runs.host_operators)
    assert [event["dur"] for event in hosts] == waited
    assert [event["args"]["cycles"] for event in hosts] == waited
    assert {event["tid"] for event in hosts} == {TRACKS["host"]}
    of_host = [(event["ts"], event["ts"] + event["dur"]) for event in hosts]
    layers = [event for event in trace["traceEvents"] if event.get("cat") == "layer"]
    of_both = sorted(of_host + [(e["ts"], e["ts"] + e["dur"]) for e in layers])
    assert [b for _, b in of_both] == [a for a, _ in of_both[1:]] + [end]  # one after the other


def test_a_slower_host_lasts_longer(in_two_runs: ProgramCost) -> None:
    program = in_two_runs.program
    slow = program.machine.host.frequency_hz // 4
    machine = program.machine.with_({"host.frequency_hz": slow})
    of = replace(program, machine=machine)
    cycles = {layer.name: layer.cycles for layer in in_two_runs.layers}
    trace = json.loads(trace_of(of, in_two_runs.timelines, cycles))
    hosts = [event for event in trace["traceEvents"] if event.get("cat") == "host"]
    assert [event["dur"] for event in hosts] == [4 * row.cycles for row in in_two_runs.host]
    assert [event["args"]["cycles"] for event in hosts] == [row.cycles for row in in_two_runs.host]


def test_bytes_of_several_runs_add_up(in_two_runs: ProgramCost) -> None:
    cycles = {layer.name: layer.cycles for layer in in_two_runs.layers}
    trace = json.loads(trace_of(in_two_runs.program, in_two_runs.timelines, cycles))
    totals = {
        event["name"]: event["args"]["bytes"]
        for event in trace["traceEvents"]
        if event["ph"] == "C" and "bytes" in event["args"]
    }
    assert sum(totals.values()) == in_two_runs.dram_bytes


def test_every_instruction_is_a_slice_with_its_operands(reported: Reported) -> None:
    program, timeline = reported.result.cost.program, reported.result.cost.timelines[0]
    assert program is not None
    events = digits_trace(reported)["traceEvents"]
    tracks = {number: name for name, number in TRACKS.items()}
    seen = set()
    for event in events:
        if event["ph"] != "X" or event.get("cat") != "instruction":
            continue
        pc = event["args"]["pc"]
        seen.add(pc)
        item = program.instructions[pc]
        assert assemble(event["args"]["assembly"]) == [item]
        assert (event["name"], tracks[event["tid"]]) == (item.name, item.engine)
        assert event["ts"] == timeline.issue[pc]
        assert event["ts"] + event["dur"] == timeline.retire[pc] + 1
        assert event["args"]["dispatch_cycle"] == timeline.dispatch[pc]
    assert seen == {pc for e in QUEUED_ENGINES for pc in timeline.of_engine(e).tolist()}
    dispatched = [
        cycle
        for event in events
        if event["ph"] == "X" and event["tid"] == TRACKS["FETCH"]
        for cycle in range(event["ts"], event["ts"] + event["args"]["instructions"])
    ]
    np.testing.assert_array_equal(dispatched, timeline.dispatch)


def test_stalls_and_layers_are_those_of_the_results(reported: Reported) -> None:
    events = digits_trace(reported)["traceEvents"]
    counters = reported.result.cost.timelines[0].counters()
    for engine in QUEUED_ENGINES:
        stalls = dict.fromkeys(CAUSES, 0)
        for event in events:
            if event.get("cat") == "stall" and event["tid"] == TRACKS[engine]:
                stalls[event["args"]["cause"]] += event["dur"]
        assert stalls == {cause: counters[engine][cause] for cause in CAUSES}
    layers = [event for event in events if event.get("cat") == "layer"]
    assert {event["name"]: event["dur"] for event in layers} == reported.layer_cycles


def test_equal_runs_give_equal_bytes_and_gzip_holds_the_same(reported: Reported) -> None:
    program = reported.result.cost.program
    assert program is not None
    run = (program, reported.result.cost.timelines, reported.layer_cycles)
    plain, packed = trace_of(*run), trace_of(*run, packed=True)
    assert trace_of(*run) == plain
    assert trace_of(*run, packed=True) == packed
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 8
