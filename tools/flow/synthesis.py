"""Verilog to cells with Yosys: one recipe for area and energy. Change it and every ratio changes.

Booth multipliers, no generic ABC pass, no register merged into a memory (so that registers keep
their names), the library's registers, ABC's default mapping to it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from npusim.cosim.units import sources
from tools.checkout import ROOT
from tools.flow import native_yosys
from tools.flow.liberty import Cell
from tools.flow.liberty_syntax import read_text

RECIPE = (
    "synth {flatten} -booth -noabc -nordff -top design_top; {gate}dfflibmap -liberty cells.lib; "
    "abc -liberty cells.lib; opt_clean"
)
LEAST_BITS = 4
CLOCK_GATE = (
    "techmap -map resets.v; simplemap; opt_merge; opt_clean; "
    "clockgate -pos {cell} {pins} -min_net_size {least_bits}; "
)
"""First a register whose reset does not ask for its enable: it is enabled by either."""
ALL = "* design_top %d"
"""Instances that may stay outside: all, so that a module's own logic is left."""
BANKS = "*npu_bank*"
"""Or the memories."""


def gated_by(gate: Cell) -> str:
    """Return the command that makes clock gates of the enables of at least LEAST_BITS registers.

    The cell is named: with `-liberty` Yosys passes over those that a library does not want chosen
    unasked, as SG13G2 its gates.
    """
    if gate.clock_gate is None:
        raise ValueError(f"{gate.name}: expected a clock gate")
    pins = ":".join((gate.clock_gate.enable, gate.clock_gate.clock, gate.clock_gate.output))
    return CLOCK_GATE.format(cell=gate.name, pins=pins, least_bits=LEAST_BITS)


def resets() -> str:
    """Return resets.v: registers of reset and enable as registers of an enable."""
    modules = []
    for reset, value, enable in product("PN", "01", "PN"):
        r, e = (("" if level == "P" else "!") + pin for level, pin in ((reset, "R"), (enable, "E")))
        for kind, enabled in (("SDFFE", f"{e} | {r}"), ("SDFFCE", e)):
            name = f"\\$_{kind}_P{reset}{value}{enable}_"
            modules.append(
                f"module {name} (input D, C, R, E, output Q);\n"
                f"  \\$_DFFE_PP_ _TECHMAP_REPLACE_ "
                f"(.D({r} ? 1'b{value} : D), .C(C), .E({enabled}), .Q(Q));\nendmodule\n"
            )
    return "".join(modules)


def map_to_cells(
    top: str,
    files: Sequence[Path],
    parameters: Mapping[str, int],
    library: Path,
    folder: Path,
    *,
    by_module: bool = False,
    outside: str = "",
    gate: Cell | None = None,
) -> None:
    """Write netlist.json (flat), area.txt and area.json (Yosys' `stat`) of `top` into `folder`.

    `by_module`: map each module for itself and flatten afterwards, so that a cell's name tells its
    module. `outside`: instances that stay outside. `gate`: enables become clock gates of this cell.
    """
    for path in files:
        shutil.copy(path, folder)
    (folder / "cells.lib").write_text(read_text(library))
    (folder / "resets.v").write_text(resets())
    shutil.copytree(ROOT / "rtl" / "generated", folder / "generated", dirs_exist_ok=True)
    values = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    recipe = RECIPE.format(
        flatten="" if by_module else "-flatten", gate=gated_by(gate) if gate else ""
    )
    native_yosys.run(
        f"read_verilog -sv {' '.join(path.name for path in files)}; "
        f"hierarchy -check -top {top} {values}; rename -top design_top; "
        f"{f'blackbox {outside}; ' if outside else ''}{recipe}; "
        "tee -q -o area.txt stat -liberty cells.lib; "
        "tee -q -o area.json stat -json -liberty cells.lib; "
        f"{'flatten; opt_clean; ' if by_module else ''}write_json netlist.json",
        folder,
    )


def rtl_files(module: str) -> tuple[Path, ...]:
    """Return the file of a module of rtl/ and those of the modules that it instantiates."""
    return sources(module, ROOT / "rtl")
