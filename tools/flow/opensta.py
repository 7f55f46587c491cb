"""The longest path of a netlist by OpenSTA, and where its ends are in the Verilog."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npusim.cosim.errors import CosimulationError
from tools.flow.technologies import Technology

SCRIPT = """\
read_liberty cells.lib
read_liberty banks.lib
read_verilog netlist.v
link_design design_top
create_clock -name clk -period {period} [get_ports clk_i]
set_clock_uncertainty -setup {uncertainty} [get_clocks clk]
set_input_delay 0 -clock clk [all_inputs]
set_output_delay 0 -clock clk [all_outputs]
set_input_transition {slew} [all_inputs]
set_load -pin_load {load} [all_outputs]
report_checks -path_delay max -digits 4
exit
"""
PERIOD_NS = 10.0
"""Of the analysis; the paths do not depend on it."""


@dataclass(frozen=True)
class Critical:
    """The path that decides the clock: the period that it closes at, its cells, its two ends."""

    period_ns: float
    cells: int
    start: str
    end: str


def installed() -> bool:
    """Return whether OpenSTA is there."""
    return shutil.which("sta") is not None


def release() -> str:
    """Return which OpenSTA runs, and which Debian package brought it."""
    _require()
    found = subprocess.run(["sta", "-version"], capture_output=True, text=True, check=False)
    package = subprocess.run(
        ["dpkg-query", "-W", "-f=${Version}", "opensta"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    words = (found.stdout.split() or ["?"])[0]
    return f"OpenSTA {words}" + (f" (Debian {package.stdout})" if package.stdout else "")


def _require() -> None:
    if not installed():
        raise CosimulationError("OpenSTA not found: apt-get install opensta")


def longest_path(folder: Path, technology: Technology, load_ff: float) -> Critical:
    """Return the path with the least slack of the netlist that map_for_speed wrote."""
    _require()
    script = SCRIPT.format(
        period=PERIOD_NS,
        uncertainty=technology.uncertainty_ns,
        slew=technology.uncertainty_ns,
        load=load_ff / technology.farads,
    )
    (folder / "sta.tcl").write_text(script)
    done = subprocess.run(
        ["sta", "-no_splash", "-exit", "sta.tcl"], cwd=folder, capture_output=True, text=True,
        timeout=3600, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    text = done.stdout + done.stderr
    (folder / "sta.log").write_text(text)
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", text, re.MULTILINE)
    ends = [
        re.search(rf"^{name}: (\S+)", text, re.MULTILINE) for name in ("Startpoint", "Endpoint")
    ]
    if slack is None or not all(ends):
        errors = [line for line in text.splitlines() if "rror" in line]
        raise CosimulationError(f"OpenSTA: {(errors or ['no path found'])[0]}")
    modules = json.loads((folder / "netlist.json").read_text())["modules"]
    names = [_place(modules, end[1]) for end in ends if end]
    cells = len(re.findall(r"^\s+[\d.-]+\s+[\d.-]+ [v^] ", text, re.MULTILINE)) - 2
    return Critical(round(PERIOD_NS - float(slack[1]), 4), cells, names[0], names[1])


def _place(modules: dict[str, Any], name: str) -> str:
    """Return an end of a path as `register (file:line)`, a memory or a port by its name."""
    *instances, last = name.replace("\\", "").split("/")
    module = modules["design_top"]
    for instance in instances:
        module = modules[module["cells"][instance]["type"]]
    cell = module["cells"].get(last)
    where = ".".join(instances)
    if cell is None or cell["type"].startswith("bank_"):
        return f"{where}.{last}".strip(".")
    outputs = {bit for pin in ("Q", "QN", "Q_N") for bit in cell["connections"].get(pin, ())}
    registers = [
        _bit(net, of["bits"], bit)
        for net, of in module["netnames"].items()
        for bit in outputs
        if bit in of["bits"] and not re.fullmatch(r"_\d+_", net)
    ]
    register = min(registers, key=len, default=last)
    source = re.match(r"[^:|]+:\d+", cell.get("attributes", {}).get("src", ""))
    return f"{where}.{register}".strip(".") + (f" ({source[0]})" if source else "")


def _bit(net: str, bits: list[Any], bit: int) -> str:
    return f"{net}[{bits.index(bit)}]" if len(bits) > 1 else net
