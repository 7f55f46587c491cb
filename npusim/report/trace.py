"""A run as a Chrome trace, which the Perfetto UI (ui.perfetto.dev) and chrome://tracing show.

Format: "Trace Event Format" of the Chromium project, JSON object form. One microsecond of the
trace is one cycle of the machine. Process 1 has a thread for each engine, one for the layers and
one for the host core, during whose operators the machine waits; its counters are the live words of
each scratchpad and the bytes that crossed the DRAM ports.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

import npusim
from npusim.analysis.engine_activity import layer_of
from npusim.analysis.occupancy import occupancy
from npusim.cost.host import HostCost, host_cost
from npusim.isa.assembly import line
from npusim.isa.program import Program, Step
from npusim.isa.spec import ENGINES, QUEUED_ENGINES
from npusim.report.cost_words import wait_of
from npusim.simulator.counts import event_counts
from npusim.simulator.timing.timeline import CAUSES, Timeline

PROCESS = 1
LAYER_TRACK = 1
HOST_TRACK = 2 + len(ENGINES)
TRACKS = (
    {"layers": LAYER_TRACK}
    | {name: 2 + place for place, name in enumerate(ENGINES)}
    | {"host": HOST_TRACK}
)
"""Thread numbers, in the order in which the tracks are shown."""
BYTE_COUNTERS = {"dram_read_bytes": "LD bytes", "dram_write_bytes": "ST bytes"}
COMPRESSION = 6

Event = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Course:
    """When each part of an execution begins, in cycles of the machine; `end` of the last.

    `runs`: each run with its timeline and first cycle. `hosts`: what each operator of the host
    takes, its first cycle, and how many it lasts, begun ones counted.
    """

    runs: tuple[tuple[Step, Timeline, int], ...]
    hosts: tuple[tuple[HostCost, int, int], ...]
    end: int


def course(program: Program, timelines: Sequence[Timeline]) -> Course:
    """Return the parts of an execution one after the other, the machine's and the host's."""
    clock, host = program.machine.clock, program.machine.host
    runs, hosts, now, left = [], [], 0, iter(timelines)
    for step in program.steps:
        if step.kind == "run":
            timeline = next(left)
            runs.append((step, timeline, now))
            now += timeline.cycles
        else:
            cost = host_cost(host, step)
            length = -(-cost.cycles * clock.frequency_hz // host.frequency_hz)
            hosts.append((cost, now, length))
            now += length
    return Course(tuple(runs), tuple(hosts), now)


def write_trace(
    file: BinaryIO,
    program: Program,
    timelines: Sequence[Timeline],
    layer_cycles: Mapping[str, int],
    compressed: bool = False,
) -> None:
    """Write the trace of a program's runs; equal runs give equal bytes.

    Parameters
    ----------
    layer_cycles
        The cycles of each of the program's layers, which follow one another.
    compressed
        Write gzip, which both viewers open as it is.
    """
    if compressed:
        with gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as inner:
            _write(inner, program, timelines, layer_cycles)
    else:
        _write(file, program, timelines, layer_cycles)


def _write(
    file: Any, program: Program, timelines: Sequence[Timeline], layer_cycles: Mapping[str, int]
) -> None:
    machine = program.machine
    whole = course(program, timelines)
    about = {
        "time_unit": "1 us = 1 cycle",
        "cycles": sum(timeline.cycles for timeline in timelines),
        "host_cycles": sum(cost.cycles for cost, _, _ in whole.hosts),
        "host_frequency_hz": machine.host.frequency_hz,
        "frequency_hz": machine.clock.frequency_hz,
        "model": program.name,
        "machine": machine.name,
        "npusim_version": npusim.__version__,
    }
    file.write(b'{"displayTimeUnit":"ns",\n"otherData":' + _json(about) + b',\n"traceEvents":[\n')
    separator = b""
    for event in trace_events(program, timelines, layer_cycles):
        file.write(separator + _json(event))
        separator = b",\n"
    file.write(b"\n]}\n")


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def trace_events(
    program: Program, timelines: Sequence[Timeline], layer_cycles: Mapping[str, int]
) -> Iterator[Event]:
    """Yield every event: names of tracks, slices, counters; each track in the order of time."""
    name = f"{program.name} on {program.machine.name}, 1 us = 1 cycle"
    whole = course(program, timelines)
    yield _metadata("process_name", 0, name=name)
    for track, thread in TRACKS.items():
        yield _metadata("thread_name", thread, name=track)
        yield _metadata("thread_sort_index", thread, sort_index=thread)
    yield from _layers(program, whole, layer_cycles)
    yield from _host_operators(whole)
    owners = layer_of(program)
    for step, timeline, start in whole.runs:
        yield from _fetch(timeline, start, program, step.first)
        for engine in QUEUED_ENGINES:
            for pc in timeline.of_engine(engine).tolist():
                yield from _instruction(program, timeline, engine, pc, step.first, start, owners)
    yield from _occupancy(program, whole)
    yield from _bytes(whole)


def _metadata(kind: str, thread: int, **args: object) -> Event:
    return {"name": kind, "ph": "M", "pid": PROCESS, "tid": thread, "args": args}


def _slice(
    name: str, category: str, track: str, start: int, length: int, args: Mapping[str, object]
) -> Event:
    return {
        "name": name, "cat": category, "ph": "X", "pid": PROCESS, "tid": TRACKS[track],
        "ts": start, "dur": length, "args": dict(args),
    }  # fmt: skip


def _layers(program: Program, whole: Course, layer_cycles: Mapping[str, int]) -> Iterator[Event]:
    for step, _, begin in whole.runs:
        start = begin
        for place, _, _ in program.layer_spans(step):
            layer = program.layers[place]
            cycles = layer_cycles[layer.name]
            args = {"operator": layer.operator, "macs": layer.macs, "output": layer.output}
            yield _slice(layer.name, "layer", "layers", start, cycles, args)
            start += cycles


def _host_operators(whole: Course) -> Iterator[Event]:
    """Yield a slice for each operator of the host; its arguments have its own clock's cycles."""
    for cost, start, length in whole.hosts:
        yield _slice(cost.name, "host", "host", start, length, cost.as_json())


def _fetch(timeline: Timeline, start: int, program: Program, first: int) -> Iterator[Event]:
    """Yield FETCH's slices: instructions dispatched one a cycle, FENCE and HALT."""
    own = timeline.columns.engine == ENGINES.index("FETCH")
    dispatched = np.flatnonzero((timeline.dispatch >= 0) & ~own)
    cuts = np.flatnonzero((np.diff(timeline.dispatch[dispatched]) != 1) | (np.diff(dispatched) > 1))
    slices = [
        (int(timeline.dispatch[group[0]]), len(group), "dispatch", group)
        for group in np.split(dispatched, cuts + 1)
        if len(group)
    ]
    for pc in np.flatnonzero(own & (timeline.issue >= 0)).tolist():
        begin = int(timeline.dispatch[pc])
        name = program.instructions[first + pc].name
        slices.append((begin, int(timeline.retire[pc]) - begin + 1, name, np.array([pc])))
    for begin, length, name, pcs in sorted(slices, key=lambda entry: entry[:2]):
        args = {"pc": first + int(pcs[0]), "instructions": len(pcs)}
        yield _slice(name, "fetch", "FETCH", start + begin, length, args)


def _instruction(
    program: Program,
    timeline: Timeline,
    engine: str,
    pc: int,
    first: int,
    start: int,
    owners: np.ndarray,
) -> Iterator[Event]:
    """Yield the stalls before an instruction, and the instruction."""
    item = program.instructions[first + pc]
    now = start + int(timeline.stall_start[pc])
    for cause, length in zip(CAUSES, timeline.stalls[pc].tolist(), strict=True):
        if length:
            about = {"pc": first + pc, "cause": cause}
            yield _slice(wait_of(engine, cause), "stall", engine, now, length, about)
            now += length
    args: dict[str, object] = {
        "pc": first + pc,
        "assembly": line(item),
        "dispatch_cycle": start + int(timeline.dispatch[pc]),
    }
    if owners[first + pc] >= 0:
        args["layer"] = program.layers[owners[first + pc]].name
    if timeline.bursts[pc]:
        args["bursts"] = int(timeline.bursts[pc])
    issue, retire = int(timeline.issue[pc]), int(timeline.retire[pc])
    yield _slice(item.name, "instruction", engine, start + issue, retire - issue + 1, args)


def _counter(name: str, cycle: int, value: int, unit: str) -> Event:
    return {"name": name, "ph": "C", "pid": PROCESS, "ts": cycle, "args": {unit: value}}


def _occupancy(program: Program, whole: Course) -> Iterator[Event]:
    if not whole.runs:
        return
    begun = np.cumsum([0, *(timeline.cycles for _, timeline, _ in whole.runs)])[:-1]
    waited = np.array([start for _, _, start in whole.runs], np.int64) - begun
    for name, held in occupancy(program, [timeline for _, timeline, _ in whole.runs]).items():
        of_run = np.searchsorted(begun, held.cycles, side="right") - 1
        cycles = held.cycles + waited[of_run]
        for cycle, words in zip(cycles.tolist(), held.live.tolist(), strict=True):
            yield _counter(f"{name} live words", cycle, words, "words")


def _bytes(whole: Course) -> Iterator[Event]:
    """Yield the bytes moved so far, counted when the instruction that moves them retires."""
    counted = [event_counts(timeline) for _, timeline, _ in whole.runs]
    for key, name in BYTE_COUNTERS.items():
        total = 0
        yield _counter(name, 0, 0, "bytes")
        for (_, timeline, start), counts in zip(whole.runs, counted, strict=True):
            moved = counts.columns[key]
            pcs = np.flatnonzero(moved)
            for pc in pcs[np.argsort(timeline.retire[pcs], kind="stable")].tolist():
                total += int(moved[pc])
                yield _counter(name, start + int(timeline.retire[pc]), total, "bytes")
