"""The energy model against gates on one whole layer that nothing was fitted to.

    python -m tools.flow.check_energy LIBRARY.lib[.gz] [--formats uniform8 ...] [--work FOLDER]

The array of `nano` (npu_array: four lanes with their requantizers) is synthesized, layer
`pointwise` of digits runs on the RTL of the whole machine, and what passes the array's ports in all
its cycles is replayed on the gates. The other route prices the layer's counted events from the
table, with the average energy of a column's cycle and with this layer's operand activity. Both
without SRAM, DRAM, control and leakage; written to tools/flow/energy_check.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from npusim.cost.logic import parameters
from npusim.cost.prices import prices
from npusim.cost.table import load_table
from npusim.simulator.activity import FEATURES
from npusim.simulator.counts import event_counts
from npusim.simulator.run import run_step
from tools.checkout import ROOT
from tools.flow.liberty import read_library
from tools.flow.netlist import read_netlist
from tools.flow.record import record
from tools.flow.replay import Window, replay
from tools.flow.synthesis import map_to_cells, rtl_files
from tools.flow.traffic import HELD_OUT, SCHEMES, Build, compiled

RESULT = ROOT / "tools" / "flow" / "energy_check.json"
TECHNOLOGY = "nangate45"
NANO = Build(4, 8, 1, 4)
SAMPLE = 2
MODULES = {
    "npu_pe_column": 1, "npu_weight_column": 1, "npu_subtract_zero_point": 1, "npu_accumulate": 3,
    "npu_merge_regions": 1, "npu_requantize": 1, "npu_lane": 1,
}  # fmt: skip
"""Modules on both sides, and how many a lane has."""
COMPONENTS = (*(f"array_{name}" for name in SCHEMES), "array_idle", "array_edge", "accumulators",
              "requantizers")  # fmt: skip
PARTS = {
    "pe_column": "columns", "weight_column": "weights", "weight_decode": "weights",
    "subtract_zero_point": "operands", "accumulate": "accumulators",
    "merge_regions": "requantizers", "requantize": "requantizers", "round_shift": "requantizers",
}  # fmt: skip


def part_of(group: str) -> str:
    """Return what a place in the array's hierarchy belongs to; `glue` is npu_lane's own logic."""
    names = group.split(".")
    if "add" in names or "pool" in names or "lookup" in names:
        return "vector"
    return PARTS.get(names[-1], "glue") if group else "glue"


def gates(
    form: str, path: Path, library: Path, network: Any, span: tuple[int, int]
) -> dict[str, float]:
    """Return the energy of each part of the array in cycles first .. end - 1, in pJ."""
    netlist = read_netlist(path, read_library(library))
    signals = {p.name: f"ex.array.{p.source}" for p in netlist.inputs + netlist.outputs}
    states = {name: f"ex.array.{name}" for name, *_ in netlist.registers().values()}
    (step,) = network.program.runs()
    (found,) = record(network.program, step, network.dram, signals, states, [span])
    result = replay(netlist, [Window(found.values, found.state)])
    if result.wrong_cycles:
        raise SystemExit(f"{form}: {result.wrong_cycles} cycles unlike RTL's")
    energy: dict[str, float] = {}
    for name, column in zip(result.groups, result.windows_fj[0].T, strict=True):
        energy[part_of(name)] = energy.get(part_of(name), 0.0) + float(column.sum()) / 1e3
    return energy


def model(form: str, network: Any, layer: Any, span: tuple[int, int]) -> dict[str, Any]:
    """Return the layer's energy by both models, in pJ."""
    (step,) = network.program.runs()
    run = run_step(network.program, step, network.dram, trace=False, activity=True)
    counts = event_counts(run.timeline).total(layer.first, layer.count)
    machine, cycles = NANO.machine, span[1] - span[0] - 1
    table, built = load_table(TECHNOLOGY), parameters(machine)
    price = prices(machine, TECHNOLOGY)
    events = {name: 0.0 for name in COMPONENTS}
    for name, count in counts.items():
        if name.endswith(("_reads", "_writes")):
            continue  # memories
        for component, pj in price.events[name].items():
            if component in events:
                events[component] += pj * count
    clock = sum(
        many * machine.size * cycles * table.value(module, built, "idle")
        for module, many in MODULES.items()
    )
    own = cycles * table.value("npu_array", built, "idle")
    first, term, idle = (
        table.value("npu_requantize", built, name) for name in ("requantize", "term", "idle")
    )
    columns = events[f"array_{form}"] + events["array_idle"]
    document = json.loads((ROOT / f"npusim/cost/tables/{TECHNOLOGY}.json").read_text())
    (fit,) = (
        row["activity"][form] for row in document["modules"]
        if row["module"] == "npu_pe_column"
        and row["parameters"] == {"ROWS": 4, **NANO.parameters}
    )  # fmt: skip
    activity = run.activity
    assert activity is not None
    features = activity[layer.first : layer.first + layer.count].sum(axis=0)
    toggled = sum(fit[name] * float(value) for name, value in zip(FEATURES, features, strict=True))
    return {
        "clock": clock + own,
        "columns_clock": machine.size * cycles * table.value("npu_pe_column", built, "idle"),
        "columns_average": columns, "columns_toggles": toggled,
        "others": sum(events.values()) - columns,
        "requantizers": counts["requantize_terms"] * (term - idle)
        + counts["requantizations"] * (first - term),
        "requantizers_clock": machine.size * cycles * (
            table.value("npu_requantize", built, "idle")
            + table.value("npu_merge_regions", built, "idle")
        ),
        "counts": {name: count for name, count in counts.items() if count},
    }  # fmt: skip


def main() -> int:
    """Write tools/flow/energy_check.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path)
    parser.add_argument("--formats", nargs="*", default=["uniform8"])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--keep-gates", action="store_true", help="price the model alone again")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="npusim-energy-"))
    path = work / "array.json"
    if not path.exists():
        with tempfile.TemporaryDirectory(prefix="npusim-energy-") as temporary:
            folder = Path(temporary)
            map_to_cells("npu_array", rtl_files("npu_array"), {"SIZE": 4},
                         options.library, folder, by_module=True)  # fmt: skip
            (folder / "netlist.json").rename(path)
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for form in options.formats:
        network = compiled(NANO, form, SAMPLE)
        (layer,) = (x for x in network.program.layers if x.name in HELD_OUT)
        (step,) = network.program.runs()
        timeline = run_step(network.program, step, network.dram.copy(), trace=False).timeline
        span = span_of(timeline, layer)
        by_model = model(form, network, layer, span)
        if options.keep_gates and form in results:
            by_gates = results[form]["gates"]
        else:
            by_gates = gates(form, path, options.library, compiled(NANO, form, SAMPLE), span)
        results[form] = {"cycles": span[1] - span[0] - 1, "gates": by_gates, "model": by_model}
        print(form, json.dumps(results[form], indent=1), flush=True)
        RESULT.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def span_of(timeline: Any, layer: Any) -> tuple[int, int]:
    """Return the cycles from the layer's first issue on MX or EP to its last retirement there."""
    groups = timeline.columns.groups
    pcs = np.concatenate([groups[kind].pcs for kind in ("MAC", "RQ", "VEC")])
    pcs = pcs[(pcs >= layer.first) & (pcs < layer.first + layer.count)]
    return int(timeline.issue[pcs].min()), int(timeline.retire[pcs].max()) + 2


if __name__ == "__main__":
    sys.exit(main())
