"""Everything a report of a run on the machine shows, as JSON-ready values.

The page shows nothing that is not in here: each mark names its number by a JSON pointer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npusim.analysis.engine_activity import (
    KINDS,
    Slices,
    bin_edges,
    compute_slices,
    engine_slices,
    joined,
    shares,
    sums_by_layer,
)
from npusim.analysis.occupancy import occupancy
from npusim.errors import UnsupportedError
from npusim.isa.program import Program
from npusim.isa.spec import QUEUED_ENGINES
from npusim.simulator.counts import event_counts
from npusim.simulator.timing.timeline import Timeline

MOST_SLICES = 60_000
"""Of one engine in the page; 5 bytes each. The trace has every instruction."""
MOST_BINS = 400
"""Parts of the run that the overviews are drawn from."""
LETTERS = "mqvawpscfnxe."
"""That of each of KINDS in the strings of slices."""


def machine_data(
    program: Program,
    timelines: Sequence[Timeline],
    results: Mapping[str, Any],
    conformance: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the data of a report.

    Parameters
    ----------
    timelines
        Of the program's runs for one sample, in order.
    results
        What `--json` writes for the same run (docs/json.md).
    conformance
        As conformance.py returns it.

    Raises
    ------
    UnsupportedError
        The machine computes nothing of the network.
    ValueError
        `results` are not those of `program`: a layer's cycles are missing.
    """
    machine = program.machine
    cycles = sum(timeline.cycles for timeline in timelines)
    if not cycles:
        raise UnsupportedError(
            f"{program.name}: the machine computes nothing of it: there is nothing to draw"
        )
    slices, computes = engine_slices(program, timelines), compute_slices(program, timelines)
    bins = min(MOST_BINS, cycles)
    return {
        "results": dict(results),
        "conformance": dict(conformance),
        "machine": {
            "name": machine.name,
            "size": machine.size,
            "rows": machine.rows,
            "formats": list(machine.array.formats),
            "bus_bytes": machine.bus.bus_bytes,
            "memory": machine.memory.model,
            "latency_cycles": machine.memory.latency_cycles,
            "frequency_hz": machine.clock.frequency_hz,
            "peak_macs_per_cycle": machine.multipliers,
        },
        "cycles": cycles,
        "instructions": len(program.instructions),
        "layers": _layers(program, timelines, results),
        "idle_cycles": int(computes.lengths[computes.kinds == KINDS.index("idle")].sum()),
        "kind_letters": dict(zip(LETTERS, KINDS, strict=True)),
        "bin_edges": bin_edges(cycles, bins).tolist(),
        "engines": {engine: _engine(slices[engine], bins, program) for engine in QUEUED_ENGINES},
        "scratchpads": {
            name: {
                "words": held.words,
                "word_bytes": machine.size * (1 if name in ("ACT", "WGT") else 4),
                "peak_words": int(held.live.max()),
                "peaks": held.peaks(cycles, bins).tolist(),
            }
            for name, held in occupancy(program, timelines).items()
        },
    }


def _layers(
    program: Program, timelines: Sequence[Timeline], results: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the layers that the machine executes, with what `results` do not say."""
    places = {row["name"]: i for i, row in enumerate(results["layers"]) if "cycles" in row}
    moved = np.zeros((len(program.instructions), 2), np.int64)
    for step, timeline in zip(program.runs(), timelines, strict=True):
        columns = event_counts(timeline).columns
        for index, key in enumerate(("dram_read_bytes", "dram_write_bytes")):
            moved[step.first : step.first + step.count, index] = columns[key]
    traffic = sums_by_layer(program, moved).tolist()
    rows, end = [], 0
    for layer, (read, written) in zip(program.layers, traffic, strict=True):
        if layer.name not in places:
            raise ValueError(f"{layer.name}: expected its cycles among the results")
        row = results["layers"][places[layer.name]]
        items = program.instructions[layer.first : layer.first + layer.count]
        is_depthwise = any(item.name == "MAC" and item["depthwise"] for item in items)
        found: dict[str, Any] = {
            "name": layer.name,
            "operator": "depthwise" if is_depthwise else layer.operator,
            "result": places[layer.name],
            "first_cycle": end,
            "compute_cycles": row["busy_cycles"] | row["stall_cycles"],
            "dram_read_bytes": read,
            "dram_write_bytes": written,
        }
        if row["macs"] and max(read, written):
            found["macs_per_cycle"] = row["macs"] / row["cycles"]
            found["macs_per_byte"] = row["macs"] / max(read, written)
        end += row["cycles"]
        rows.append(found)
    return rows


def _engine(slices: Slices, bins: int, program: Program) -> dict[str, Any]:
    fewer, least = joined(slices, MOST_SLICES)
    totals = np.zeros(len(KINDS), np.int64)
    np.add.at(totals, slices.kinds, slices.lengths)
    parts = shares(slices, bins)
    present = [kind for kind in range(len(KINDS)) if totals[kind]]
    return {
        "cycles": {KINDS[kind]: int(totals[kind]) for kind in present},
        "joined_below_cycles": least,
        "kinds": "".join(LETTERS[kind] for kind in fewer.kinds.tolist()),
        "lengths": fewer.lengths.tolist(),
        "slices_of_layer": np.bincount(fewer.layers, minlength=len(program.layers)).tolist(),
        "shares": {KINDS[kind]: parts[:, kind].tolist() for kind in present},
    }
