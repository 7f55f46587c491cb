"""The clock that each module and each shipped machine closes: docs/timing.json.

    python -m tools.flow.timing LIBRARIES [--only NAME]... [--all]

LIBRARIES holds nangate45/ and ihp_sg13g2/ with the SRAM macros. Each row is mapped for speed
(tools/flow/timing_driven.py) and read by OpenSTA. A row is kept with the hash of its sources and of
the recipe, and made again where that changed; `python -m tools.pages.timing` writes docs/timing.md.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from npusim.machines import Machine
from npusim.words import MACHINES
from tools.checkout import ROOT
from tools.flow import native_yosys, opensta
from tools.flow.memory_macros import MEMORY_PIN_FF, Shape, macros, times_of
from tools.flow.synthesis import rtl_files
from tools.flow.technologies import TECHNOLOGIES, Technology
from tools.flow.timing_driven import ABC, LOAD_FF, RECIPE, map_for_speed

MEASURED = ROOT / "docs" / "timing.json"
TOP = "npu_top"
KEPT = ("npu_lane", "npu_epilogue")
"""Modules that are mapped for themselves, once for all their instances."""
MODULES = tuple(
    path.stem
    for path in sorted((ROOT / "rtl").glob("npu_*.v"))
    if path.stem not in (TOP, "npu_bank")
)
NOT_OF_NANO = ("npu_lines",)
"""Modules that nano is built without: as base has them."""
ACT = {"WIDTH": 32, "BANKS": 8, "BANK_WORDS": 256}
"""npu_scratchpad's parameters are not the machine's: nano's ACT stands for all."""
Row = dict[str, Any]


def wanted() -> Iterator[tuple[str, str]]:
    """Yield (module, machine): every module as nano has it, and the top of every machine."""
    yield from ((module, "base" if module in NOT_OF_NANO else "nano") for module in MODULES)
    yield from ((TOP, machine) for machine in MACHINES)


def parameters_of(module: str, machine: Machine) -> Mapping[str, int]:
    """Return those of the machine's parameters that the module has; the others are its defaults."""
    header = (ROOT / "rtl" / f"{module}.v").read_text().partition(") (")[0]
    if module == TOP:
        return machine.parameters
    if module == "npu_scratchpad":
        return ACT
    own = re.findall(r"^ *parameter +int +(\w+)", header, re.MULTILINE)
    return {name: value for name, value in machine.parameters.items() if name in own}


def shapes_of(machine: Machine) -> set[Shape]:
    """Return (words, bits) of the machine's banks."""
    pads, size = machine.scratchpads, machine.array.size
    lines = {(machine.array.line_words, 16)} if machine.array.line_words else set()
    return lines | {
        (pads.act_bank_words, 8 * size), (pads.wgt_bank_words, 8 * size),
        (pads.par_bank_words, 32 * size), (pads.acc_words // pads.acc_banks, 32 * size),
    }  # fmt: skip


@cache
def sources(module: str) -> str:
    """Return the hash of the module's Verilog without comments, and of the constants it names."""
    return hash_of(rtl_files(module))


def hash_of(files: Iterable[Path]) -> str:
    """Return the hash of files of Verilog without comments, and of the constants they name."""
    text = "\n".join(map(code_of, sorted(files)))
    generated = ROOT / "rtl" / "generated"
    constants = re.findall(r"localparam .*", code_of(generated / "npu_isa.vh"))
    names = set(re.findall(r"\w+", text))
    text += "".join(line for line in constants if line.split()[2] in names)
    text += code_of(generated / "npu_latency.vh")
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def code_of(path: Path) -> str:
    """Return a file of Verilog without its comments."""
    return re.sub(r"//.*", "", path.read_text())


@cache
def _steps() -> tuple[str, ...]:
    """Return the Python of the steps that are no script: trees of buffers, memories."""
    folder = ROOT / "tools" / "flow"
    return tuple(
        ast.dump(ast.parse((folder / name).read_text()))
        for name in ("fan_out.py", "memory_macros.py")
    )


def key(module: str, machine: Machine, technology: Technology) -> str:
    """Return the hash of all that decides a row."""
    facts = [sources(module), parameters_of(module, machine), sorted(shapes_of(machine)),
             asdict(technology), RECIPE, ABC, LOAD_FF, opensta.SCRIPT, *_steps()]  # fmt: skip
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def measure(module: str, machine: Machine, technology: Technology, libraries: Path) -> Row:
    """Map one module for one technology and time it."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="npusim-timing-") as temporary:
        folder = Path(temporary)
        parameters = parameters_of(module, machine)
        real = macros(libraries)
        shapes = shapes_of(machine)
        map_for_speed(module, parameters, shapes, technology, libraries, real, folder, KEPT)
        path = opensta.longest_path(folder, technology, LOAD_FF)
        area = json.loads((folder / "area.json").read_text())["design"]
    row = {
        "module": module, "machine": machine.name, "technology": technology.name,
        "parameters": dict(parameters), "key": key(module, machine, technology),
        "yosys": native_yosys.release(), "sta": opensta.release(),
        "um2": round(float(area["area"]), 1), **asdict(path),
    }  # fmt: skip
    print(f"{time.monotonic() - start:5.0f} s {row}", flush=True)
    return row


def write(rows: list[Row], libraries: Path) -> None:
    """Write docs/timing.json: the rows, and how late the banks of all machines answer."""
    real = macros(libraries)
    words = sorted({shape[0] for name in MACHINES for shape in shapes_of(Machine.load(name))})
    on_a_register = MEMORY_PIN_FF + TECHNOLOGIES[-1].wire_ff
    memories = {
        technology.name: {
            str(count): round(times_of(count, technology, real).access(on_a_register), 3)
            for count in words
        }
        for technology in TECHNOLOGIES
    }
    MEASURED.write_text(json.dumps({"memories_ns": memories, "rows": rows}, indent=1) + "\n")


def main() -> int:
    """Make the rows whose sources changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", type=Path)
    parser.add_argument("--only", action="append", help="a module, or a machine's top")
    parser.add_argument("--technology", action="append", choices=[t.name for t in TECHNOLOGIES])
    parser.add_argument("--all", action="store_true", help="also rows that are current")
    options = parser.parse_args()
    libraries = options.libraries.resolve()
    rows = json.loads(MEASURED.read_text())["rows"] if MEASURED.exists() else []
    known = {(row["module"], row["machine"], row["technology"]): row for row in rows}
    order = []
    for technology in TECHNOLOGIES:
        for module, name in wanted():
            machine = Machine.load(name)
            place = module, name, technology.name
            order.append(place)
            asked = name if module == TOP else module
            if options.only and asked not in options.only:
                continue
            if options.technology and technology.name not in options.technology:
                continue
            old = known.get(place)
            if old and old["key"] == key(module, machine, technology) and not options.all:
                continue
            known[place] = measure(module, machine, technology, libraries)
            kept = [known[place] for place in order if place in known]
            kept += [row for place, row in known.items() if place not in order]
            write(kept, libraries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
