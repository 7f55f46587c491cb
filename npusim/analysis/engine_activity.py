"""What each engine does in every cycle of a program: slices without gaps, and sums by layer.

An engine is at each moment busy with an instruction, stalled by a cause before its next one, or
idle after its last. So the slices of an engine tile the run: their lengths add up to its cycles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.isa.program import Program
from npusim.isa.spec import QUEUED_ENGINES, TARGETS
from npusim.simulator.counts import Counts
from npusim.simulator.timing.timeline import CAUSES, Timeline

Column = NDArray[np.int64]

KINDS = (
    "mac", "requantize", "vector", "load_act", "load_wgt", "load_par", "store", "configure",
    *CAUSES, "idle",
)  # fmt: skip
"""What a slice may be. CAUSES are the stalls of docs/architecture.md, section 4."""
COMPUTE_WORK = ("array", "weights", "requantize", "vector", "configure")
"""What MX works at, or else EP; `array` + `weights` are MACs: with operands at the array, and the
rest (weights that no multiplication hides, pipeline)."""
WAITS = ("fetch", "prev", "next")
"""What both wait for: instructions, LD, ST."""
COMPUTE_PARTS = (*COMPUTE_WORK, *WAITS)
"""How a layer's cycles are spent on computing."""


def _renamed(**names: str) -> Column:
    """Return for each of KINDS the place of what it is called instead."""
    return np.array([KINDS.index(names.get(kind, kind)) for kind in KINDS], np.int64)


_MX_WAITS, _EP_WAITS = _renamed(across="next", next="fetch"), _renamed(across="prev", prev="fetch")
"""Waits of each as those of both. Neither waits for the other while the other does nothing, but for
its instructions."""

_PLAIN = {"MAC": "mac", "RQ": "requantize", "VEC": "vector", "ST": "store", "CFG": "configure"}


@dataclass(frozen=True, eq=False)
class Slices:
    """One engine from the first cycle to the last.

    Attributes
    ----------
    kinds
        Place in KINDS, int64 [slices].
    lengths
        Cycles, int64 [slices]; they add up to the cycles of all runs.
    layers
        Place in `program.layers` of the instruction that runs or is waited for; never falling.
        Idleness counts to the layer before.
    """

    kinds: Column
    lengths: Column
    layers: Column


def layer_of(program: Program) -> Column:
    """Return each instruction's place in `program.layers`; -1 in a run without layers."""
    result = np.full(len(program.instructions), -1, np.int64)
    for step in program.runs():
        for place, first, end in program.layer_spans(step):
            result[step.first + first : step.first + end] = place
    for place, layer in enumerate(program.layers):
        result[list(layer.early)] = place
    return result


def sums_by_layer(program: Program, values: Column) -> Column:
    """Return the sums of `values`, [instructions ...], over each layer: [layers ...]."""
    owners = layer_of(program)
    result = np.zeros((len(program.layers), *values.shape[1:]), np.int64)
    np.add.at(result, owners[owners >= 0], values[owners >= 0])
    return result


def instruction_kinds(timeline: Timeline) -> Column:
    """Return the place in KINDS of each instruction; -1 for those of FETCH."""
    groups = timeline.columns.groups
    result = np.full(timeline.columns.count, -1, np.int64)
    for name, kind in _PLAIN.items():
        result[groups[name].pcs] = KINDS.index(kind)
    targets = np.array([KINDS.index(f"load_{target.lower()}") for target in TARGETS], np.int64)
    result[groups["LD"].pcs] = targets[groups["LD"]["target"]]
    return result


def engine_slices(program: Program, timelines: Sequence[Timeline]) -> dict[str, Slices]:
    """Return the slices of each engine but FETCH over all runs, one after the other."""
    layers = layer_of(program)
    parts: dict[str, list[Slices]] = {engine: [] for engine in QUEUED_ENGINES}
    for step, timeline in zip(program.runs(), timelines, strict=True):
        own = layers[step.first : step.first + step.count]
        for engine in QUEUED_ENGINES:
            parts[engine].append(_of_run(timeline, own, engine))
    return {engine: _joined(found) for engine, found in parts.items()}


def _of_run(timeline: Timeline, layers: Column, engine: str) -> Slices:
    pcs = timeline.of_engine(engine)
    busy = timeline.retire[pcs] - timeline.issue[pcs] + 1
    lengths = np.concatenate([timeline.stalls[pcs], busy[:, None]], axis=1)
    kinds = np.empty_like(lengths)
    kinds[:, : len(CAUSES)] = [KINDS.index(cause) for cause in CAUSES]
    kinds[:, -1] = instruction_kinds(timeline)[pcs]
    owners = np.repeat(layers[pcs], lengths.shape[1])
    rest = timeline.cycles - int(lengths.sum())
    tail = np.array([rest], np.int64)
    idle = np.array([KINDS.index("idle")], np.int64)
    all_lengths = np.concatenate([lengths.ravel(), tail])
    some = all_lengths > 0
    return Slices(
        np.concatenate([kinds.ravel(), idle])[some],
        all_lengths[some],
        np.concatenate([owners, np.array([-1], np.int64)])[some],
    )


def _joined(parts: Sequence[Slices]) -> Slices:
    found = _concatenated(parts)
    return replace(found, layers=np.maximum(np.maximum.accumulate(found.layers), 0))


def _concatenated(parts: Sequence[Slices]) -> Slices:
    none = np.zeros(0, np.int64)  # a program may have no run
    return Slices(
        np.concatenate([none, *(part.kinds for part in parts)]),
        np.concatenate([none, *(part.lengths for part in parts)]),
        np.concatenate([none, *(part.layers for part in parts)]),
    )


def compute_cycles(
    program: Program, timelines: Sequence[Timeline], counted: Sequence[Counts]
) -> list[dict[str, int]]:
    """Return for each layer how its cycles were spent on computing, by COMPUTE_PARTS.

    `counted`: the event counts of `timelines`. A cycle is MX's where it works, else EP's where that
    works, else what both wait for; so what EP does beside MX counts for nothing. A wait counts to
    the layer of the instruction that waits. Together with `compute_slices`' idleness at the end of
    each run, all layers add up to the cycles of the runs.
    """
    slices = compute_slices(program, timelines)
    totals = np.zeros((len(program.layers), len(KINDS)), np.int64)
    owned = slices.layers >= 0
    np.add.at(totals, (slices.layers[owned], slices.kinds[owned]), slices.lengths[owned])
    at_array = np.zeros(len(program.instructions), np.int64)
    for step, counts in zip(program.runs(), counted, strict=True):
        at_array[step.first : step.first + step.count] = counts.columns["array_cycles"]
    rows = []
    for total, array in zip(
        totals.tolist(), sums_by_layer(program, at_array).tolist(), strict=True
    ):
        kinds = dict(zip(KINDS, total, strict=True))
        split = {"array": array, "weights": kinds["mac"] - array}
        rows.append({name: split[name] if name in split else kinds[name] for name in COMPUTE_PARTS})
    return rows


def compute_slices(program: Program, timelines: Sequence[Timeline]) -> Slices:
    """Return what MX and EP do as if they were one engine, over all runs, one after the other.

    EP's work shows where MX does not work; a wait is `prev` for LD, `next` for ST, whoever waits.
    EP may end a layer when MX has begun the next one, so that `layers` may fall; idleness has -1.
    """
    layers, parts = layer_of(program), []
    for step, timeline in zip(program.runs(), timelines, strict=True):
        own = layers[step.first : step.first + step.count]
        parts.append(_merged(*(_of_run(timeline, own, engine) for engine in ("MX", "EP"))))
    return _concatenated(parts)


def _merged(array: Slices, epilogue: Slices) -> Slices:
    ends = [np.cumsum(slices.lengths) for slices in (array, epilogue)]
    cuts = np.union1d(*ends)
    kinds, owners = [], []
    for slices, until in zip((array, epilogue), ends, strict=True):
        place = np.searchsorted(until, cuts)
        kinds.append(slices.kinds[place])
        owners.append(slices.layers[place])
    works = [kind < KINDS.index(CAUSES[0]) for kind in kinds]
    idles = [kind == KINDS.index("idle") for kind in kinds]
    on_other = [kinds[0] == KINDS.index("next"), kinds[1] == KINDS.index("prev")]
    first = (owners[0] <= owners[1]) | idles[1]  # neither works: whose instruction comes first
    first = np.where(on_other[0] | idles[0], on_other[1] | idles[1], first | on_other[1])
    first = works[0] | ~works[1] & first
    renamed = np.where(first, _MX_WAITS[kinds[0]], _EP_WAITS[kinds[1]])
    return Slices(renamed, np.diff(cuts, prepend=0), np.where(first, *owners))


def joined(slices: Slices, most: int) -> tuple[Slices, int]:
    """Return at most `most` slices and the cycles below which neighbours were joined (0: none).

    Neighbours of one layer are joined until the group is long enough; the group takes the kind
    that most of its cycles have.
    """
    least, found = 0, slices
    while len(found.kinds) > most:
        least = max(2, 2 * least)
        found = _coarser(slices, least)
    return found, least


def _coarser(slices: Slices, least: int) -> Slices:
    ends = np.cumsum(slices.lengths)
    group = (ends - slices.lengths) // least
    edge = np.flatnonzero(np.diff(group, prepend=-1) | np.diff(slices.layers, prepend=-1))
    number = np.cumsum(np.bincount(edge, minlength=len(group))) - 1
    weight = np.zeros((len(edge), len(KINDS)), np.int64)
    np.add.at(weight, (number, slices.kinds), slices.lengths)
    return Slices(weight.argmax(axis=1), weight.sum(axis=1), slices.layers[edge])


def shares(slices: Slices, bins: int) -> NDArray[np.int64]:
    """Return the cycles of each kind in `bins` equal parts of the run, [bins KINDS].

    The parts differ by at most one cycle where the run is not a multiple of `bins`.
    """
    cycles = int(slices.lengths.sum())
    edges = bin_edges(cycles, bins)
    ends = np.cumsum(slices.lengths)
    result = np.zeros((bins, len(KINDS)), np.int64)
    for kind in range(len(KINDS)):
        busy = np.cumsum(np.where(slices.kinds == kind, slices.lengths, 0))
        before = np.concatenate(([0], busy))
        place = np.searchsorted(ends, edges, side="left")
        inside = edges - np.concatenate(([0], ends))[place]
        here = np.concatenate((slices.kinds, [-1]))[place] == kind
        result[:, kind] = np.diff(before[place] + np.where(here, inside, 0))
    return result


def bin_edges(cycles: int, bins: int) -> Column:
    """Return the first cycle of each part, and the end: int64 [bins + 1]."""
    return np.arange(bins + 1, dtype=np.int64) * cycles // bins
