"""Verilog to cells for speed: mapped, buffered and sized to a target by ABC, memories outside."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.checkout import ROOT
from tools.flow import native_yosys
from tools.flow.fan_out import buffered
from tools.flow.liberty import read_library
from tools.flow.memory_macros import MEMORY_PIN_FF, Shape, Times, liberty, verilog
from tools.flow.synthesis import rtl_files
from tools.flow.technologies import Technology, with_wires

RECIPE = (
    "synth -flatten -booth -noabc -nordff -top design_top; dfflibmap -liberty cells.lib; "
    "abc -liberty cells.lib -constr constraints -script speed.abc; opt_clean; "
    "rename -enumerate"
)
ABC = (
    "strash", "ifraig", "dch", "map -B 0.9 -D {target:.0f}", "topo", "buffer -c",
    "upsize -D {target:.0f}", "dnsize -D {target:.0f}",
)  # fmt: skip
"""Its commands. Yosys' own script has `dc2`, which trades a carry tree for area: 4.9 ns for 1.5."""
LOAD_FF = 10.0
"""On each output."""


def map_for_speed(
    top: str,
    parameters: Mapping[str, int],
    shapes: set[Shape],
    technology: Technology,
    libraries: Path,
    real: list[Times],
    folder: Path,
    kept: tuple[str, ...] = (),
) -> None:
    """Write netlist.v, netlist.json, area.json, cells.lib and banks.lib of `top` into `folder`.

    `kept`: modules that are mapped for themselves, once for all their instances.
    """
    files = rtl_files(top)
    for path in files:
        shutil.copy(path, folder)
    if shapes:
        (folder / "npu_bank.v").write_text(verilog(shapes))
    (folder / "cells.lib").write_text(with_wires(technology, libraries))
    (folder / "banks.lib").write_text(liberty(shapes, technology, real))
    (folder / "constraints").write_text(
        f"set_driving_cell {technology.driver}\nset_load {LOAD_FF}\n"
    )
    target = 1000 * technology.target_ns
    (folder / "speed.abc").write_text("\n".join(ABC).format(target=target) + "\n")
    shutil.copytree(ROOT / "rtl" / "generated", folder / "generated", dirs_exist_ok=True)
    values = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    marks = "".join(f"setattr -mod -set keep_hierarchy 1 *{name}; " for name in kept)
    native_yosys.run(
        f"read_verilog -defer -sv {' '.join(path.name for path in files)}; "
        f"hierarchy -check -top {top} {values}; rename -top design_top; {marks}"
        f"{RECIPE}; write_json mapped.json",
        folder,
    )
    netlist = json.loads((folder / "mapped.json").read_text())
    cells = read_library(folder / "cells.lib")
    buffered(netlist["modules"], cells, technology, MEMORY_PIN_FF + technology.wire_ff)
    (folder / "netlist.json").write_text(json.dumps(netlist))
    native_yosys.run(
        "read_json netlist.json; tee -q -o area.json stat -json -liberty cells.lib; "
        "write_verilog -noattr -simple-lhs netlist.v",
        folder,
    )
    text = (folder / "netlist.v").read_text()  # Debian's OpenSTA does not know signed nets
    (folder / "netlist.v").write_text(re.sub(r"^( *\w+) signed ", r"\1 ", text, flags=re.MULTILINE))
