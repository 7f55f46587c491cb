"""The energy model against gates on whole layers that nothing was fitted to.

    python -m tools.flow.check_energy LIBRARY.lib[.gz] [--work FOLDER] [--machines nano small]

The array of a machine (npu_array: its lanes with their requantizers) is synthesized with clock
gates; a held-out layer of each network (streams.py, and `pointwise` of digits) runs on the RTL of
the whole machine, and what passes the array's ports in all its cycles is replayed on the gates. The
other route prices the layer's counted events from the table, with the average energy of products
and with this layer's operand activity. Both without SRAM, DRAM, control and leakage. Results go to
tools/flow/energy_check.json, one row a layer; those that are there are not made again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from npusim.codes import ARRAY_FORMATS
from npusim.cost.energy import priced
from npusim.cost.memories import memories
from npusim.cost.prices import prices_of
from npusim.cost.table import Table, load_table
from npusim.cost.toggles import array_energy_pj
from npusim.engines.machine_network import MachineNetwork
from npusim.machines import Machine
from npusim.simulator.activity import FEATURES
from npusim.simulator.counts import event_counts
from npusim.simulator.run import run_step
from tools.checkout import ROOT
from tools.flow.liberty import read_library
from tools.flow.netlist import read_netlist
from tools.flow.record import Recorder
from tools.flow.replay import Window, replay
from tools.flow.streams import STREAMS, Stream
from tools.flow.synthesis import BANKS, map_to_cells, rtl_files
from tools.flow.timing import parameters_of
from tools.flow.traffic import HELD_OUT, Build, compiled

RESULT = ROOT / "tools" / "flow" / "energy_check.json"
TECHNOLOGY = "nangate45"
BUILDS = {"nano": Build(4, 8, 1, 4), "small": Build(8, 8, 1, 4)}
SAMPLE = 2
FORMAT = "uniform8"
MODULES = (
    "npu_pe_column", "npu_weight_column", "npu_subtract_zero_point", "npu_accumulate",
    "npu_merge_regions", "npu_requantize", "npu_epilogue", "npu_lane", "npu_rows", "npu_array",
)  # fmt: skip
"""On both sides. Adders, pools and lookups, which these layers do not use, are on neither."""
LEFT_OUT = ("add", "pool", "lookup")
"""Of them, the instances."""
HELD_OUT_LAYER = {"kws_dscnn_fp32": 1, "ic_resnet8_fp32": 0, "vww_mbv1_fp32": 1}
"""Network -> which of its held-out layers: two pointwise ones, one of 3 x 3."""


def of_array(table: Table) -> Table:
    """Return `table` in which all that is not on both sides is free."""
    return replace(
        table,
        rows=tuple(
            row if row.module in MODULES
            else replace(row, leakage_uw=0.0, energy_pj=dict.fromkeys(row.energy_pj, 0.0),
                         clock_pj=dict.fromkeys(row.clock_pj, 0.0))
            for row in table.rows
        ),
    )  # fmt: skip


def model(machine: Machine, network: MachineNetwork, span: tuple[int, int]) -> dict[str, float]:
    """Return the layer's energy in pJ: clocks at rest, clocks and products above, and the rest."""
    (step,) = network.program.runs()
    (layer,) = chosen_layers(network)
    run = run_step(network.program, step, network.dram.copy(), trace=False, activity=True)
    counts = event_counts(run.timeline).total(layer.first, layer.count)
    technology = of_array(load_table(TECHNOLOGY, clock_gated=True))
    price = prices_of(machine, technology)
    energy = priced(price, counts, 0)
    for pad in memories(machine, TECHNOLOGY):
        energy[pad.component] -= pad.bank.read_pj * counts[f"{pad.name}_reads"]
        energy[pad.component] -= pad.bank.write_pj * counts[f"{pad.name}_writes"]
    assert run.activity is not None
    features = run.activity[layer.first : layer.first + layer.count].sum(axis=0)
    changed = dict(zip(FEATURES, map(float, features), strict=True))
    toggled = array_energy_pj(machine, TECHNOLOGY, {FORMAT: changed})
    return {
        "at_rest": price.cycle["clock"] * (span[1] - span[0] - 1), "clock": energy["clock"],
        "average": sum(energy[f"array_{name}"] for name in ARRAY_FORMATS),
        "toggles": sum(toggled.values()),
        "others": sum(energy[name] for name in ("array_edge", "accumulators", "requantizers")),
    }  # fmt: skip


def gates(
    machine: Machine, path: Path, library: Path, network: MachineNetwork, span: tuple[int, int]
) -> dict[str, float]:
    """Return the array's energy in its cycles first .. end - 1, in pJ: all, and clocks'."""
    netlist = read_netlist(path, read_library(library))
    signals = {p.name: f"ex.array.{p.source}" for p in netlist.inputs + netlist.outputs}
    states = {name: f"ex.array.{name}" for name, *_ in netlist.registers().values()}
    (step,) = network.program.runs()
    with Recorder(machine, signals, states) as recorder:
        (found,) = recorder.record(network.program, step, network.dram, [span])
    result = replay(netlist, [Window(found.values, found.state)])
    if result.wrong_cycles:
        raise SystemExit(f"{machine.name}: {result.wrong_cycles} cycles unlike RTL's")
    kept = [not set(name.split(".")) & set(LEFT_OUT) for name in result.groups]
    columns = ["pe_column" in name.split(".") for name in result.groups]
    energy, clock = result.windows_fj[0].sum(axis=0), result.clocks_fj[0].sum(axis=0)
    return {
        "all": float(energy[kept].sum()) / 1e3, "clock": float(clock[kept].sum()) / 1e3,
        "products": float((energy - clock)[columns].sum()) / 1e3,
    }  # fmt: skip


def chosen_layers(network: MachineNetwork) -> list[Any]:
    """Return the layer that is compared."""
    layers = network.program.layers
    return [x for x in layers if len(layers) == 1 or x.name in HELD_OUT]


def netlist_path(machine: Machine, library: Path, work: Path) -> Path:
    """Return the array's netlist, with a cell's module in its name."""
    path = work / f"array-{machine.name}.json"
    if not path.exists():
        gate = read_library(library).smallest_clock_gate
        with tempfile.TemporaryDirectory(prefix="npusim-energy-") as temporary:
            folder = Path(temporary)
            map_to_cells("npu_array", rtl_files("npu_array"), parameters_of("npu_array", machine),
                         library, folder, by_module=True, outside=BANKS, gate=gate)  # fmt: skip
            shutil.move(folder / "netlist.json", path)
    return path


def main() -> int:
    """Write tools/flow/energy_check.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--machines", nargs="*", default=list(BUILDS))
    parser.add_argument("--keep-gates", action="store_true", help="price the model alone again")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="npusim-energy-"))
    work.mkdir(exist_ok=True, parents=True)
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    streams: tuple[Stream | None, ...] = (None, *STREAMS)
    for name in options.machines:
        machine = BUILDS[name].machine
        for stream in streams:
            held_out = HELD_OUT_LAYER[stream.name] if stream else None
            network = partial(compiled, BUILDS[name], FORMAT, SAMPLE, stream, held_out)
            once = network()  # a run changes its DRAM: each has its own
            (layer,) = chosen_layers(once)
            (step,) = once.program.runs()
            timeline = run_step(once.program, step, once.dram, trace=False).timeline
            span = span_of(timeline, layer)
            key = f"{name} {stream.name if stream else 'digits'} {layer.name}"
            kept = results.get(key, {}).get("gates")
            if kept is None and not options.keep_gates:
                path = netlist_path(machine, options.library, work)
                kept = gates(machine, path, options.library, network(), span)
            if kept is not None:
                by_model = model(machine, network(), span)
                results[key] = {"cycles": span[1] - span[0] - 1, "gates": kept, "model": by_model}
                print(key, json.dumps(results[key]), flush=True)
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
