"""What enables cost as multiplexers and save as clock gates: docs/clock_gating.json.

    python -m tools.flow.clock_gating LIBRARIES [--only MODULE]...

Each module is mapped by the recipe of area and energy, once as it is and once with Yosys'
`clockgate` before the registers are mapped: registers with one clock and one enable, at least
LEAST_BITS of them, get an integrated clock gate of the library instead of a multiplexer each. Area
is that of the netlists. The energy is that of the clock pins in a cycle in which no enable is on,
from the library's tables (mean over the states of a cell): registers on the clock itself, and the
gates.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from npusim.machines import Machine
from tools.checkout import ROOT
from tools.flow import native_yosys
from tools.flow.liberty import Cell, Library, read_library
from tools.flow.liberty_syntax import read_liberty
from tools.flow.synthesis import GATED, RECIPE, map_to_cells, rtl_files
from tools.flow.technologies import TECHNOLOGIES, Technology
from tools.flow.timing import MODULES, parameters_of, sources

MEASURED = ROOT / "docs" / "clock_gating.json"
SLEW_PS = np.array([20.0])
OWN = ("npu_array", "npu_ex", "npu_lane", "npu_scratchpads")
"""Modules whose own logic is mapped alone, without that of the modules that they hold."""
Row = dict[str, Any]


def clock_pj(cell: Cell, pin: str, volts: float) -> float:
    """Return the energy of a rise and a fall of a cell's clock pin, and of its capacitance."""
    edges = [
        float((power.rise.at(SLEW_PS, SLEW_PS) + power.fall.at(SLEW_PS, SLEW_PS))[0])
        for power in cell.powers
        if power.pin == pin and not power.related
    ]
    inside = sum(edges) / len(edges) if edges else 0.0
    return (inside + cell.capacitances_ff[pin] * volts**2) / 1e3


def gates_of(library: Path) -> dict[str, str]:
    """Return clock gate -> its clock pin."""
    return {
        cell.name: next(p.name for p in cell.all("pin") if "clock_gate_clock_pin" in p.attributes)
        for cell in read_liberty(library).all("cell")
        if "clock_gating_integrated_cell" in cell.attributes
    }


def asleep(netlist: Path, cells: Library, gates: dict[str, str]) -> dict[str, float]:
    """Return registers, those behind gates, gates, and pJ of a cycle with all enables off."""
    module = json.loads(netlist.read_text())["modules"]["design_top"]
    if "clk_i" not in module["ports"]:
        return {}
    (clock,) = module["ports"]["clk_i"]["bits"]
    count: Counter[str] = Counter()
    energy = 0.0
    for instance in module["cells"].values():
        cell = cells.cells.get(instance["type"])
        if cell is None:
            continue
        pin = gates.get(cell.name) or (cell.flip_flop.clocked_on if cell.flip_flop else "")
        if not pin:
            continue
        free = instance["connections"][pin] == [clock]
        if cell.name in gates:
            count["gates"] += 1
        else:
            count["registers"] += 1
            count["gated"] += not free
        energy += clock_pj(cell, pin, cells.voltage_v) if free else 0.0
    return {**count, "idle_pj": round(energy, 4)}


def measure(module: str, technology: Technology, libraries: Path, cells: Library) -> Row:
    """Map a module of nano both ways."""
    library = libraries / technology.library
    parameters = parameters_of(module, Machine.load("nano"))
    gates = gates_of(library)
    found: Row = {"module": module, "technology": technology.name, "sources": sources(module),
                  "yosys": native_yosys.release()}  # fmt: skip
    for name, gated in (("plain", False), ("gates", True)):
        with tempfile.TemporaryDirectory(prefix="npusim-gating-") as temporary:
            folder = Path(temporary)
            map_to_cells(module, rtl_files(module), parameters, library, folder,
                         own=module in OWN, gated=gated)  # fmt: skip
            stat = json.loads((folder / "area.json").read_text())["design"]
            found[name] = {
                "um2": round(float(stat["area"]), 1),
                **asleep(folder / "netlist.json", cells, gates),
            }
    print(json.dumps(found), flush=True)
    return found


def main() -> int:
    """Measure the modules whose rows are not of the sources of today."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", type=Path)
    parser.add_argument("--only", action="append")
    options = parser.parse_args()
    kept = json.loads(MEASURED.read_text())["rows"] if MEASURED.exists() else []
    known = {(row["module"], row["technology"]): row for row in kept}
    technology = TECHNOLOGIES[0]
    cells = read_library(options.libraries / technology.library)
    for module in options.only or MODULES:
        old = known.get((module, technology.name))
        if old and old["sources"] == sources(module):
            continue
        row = measure(module, technology, options.libraries.resolve(), cells)
        if row["plain"].get("registers"):
            known[module, technology.name] = row
        text = {"recipe": RECIPE, "gated": GATED, "rows": sorted(known.values(), key=_place)}
        MEASURED.write_text(json.dumps(text, indent=1) + "\n")
    return 0


def _place(row: Row) -> tuple[str, str]:
    return row["technology"], row["module"]


if __name__ == "__main__":
    sys.exit(main())
