"""docs/clock_gating.md from docs/clock_gating.json: python -m tools.pages.clock_gating."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tools.checkout import ROOT
from tools.flow.clock_gating import MEASURED, OWN
from tools.markdown import header, row

PAGE = ROOT / "docs" / "clock_gating.md"
HEAD = """\
# Enables as clock gates

Written by `python -m tools.pages.clock_gating` from docs/clock_gating.json, which `python -m
tools.flow.clock_gating LIBRARIES` makes; do not edit. Nangate45, typical corner, {yosys}.

The Verilog has enables, which a tool maps to a multiplexer before each register, or to one
integrated clock gate before all registers of an enable. Both are the recipe of [area](area.md),
`{recipe}`; the second has `{gated}` before the registers are mapped. Modules are
those of `nano`; of {own} it is the own logic, without the modules that they hold.

Asleep is a cycle in which no enable is on: the clock pins of the registers on the clock itself, and
of the gates, from the library's tables. It is class `idle` of the [energy table](energy_table.md)
to within a few percent. What is not measured: the energy of a gate in cycles with its enable on,
the data of gated modules at gate level, the clock tree (which gates would cut short), and the
enable's setup to the gate's latch. The shipped energy tables are still those of multiplexers;
`clock_gating = true` in a machine's TOML is the bound that gates of whole modules could reach.

"""
Row = Mapping[str, Any]


def page() -> str:
    """Return docs/clock_gating.md."""
    measured = json.loads(MEASURED.read_text())
    rows: list[Row] = measured["rows"]
    lines = header(
        "module", "registers", "behind gates", "gates", "um2", "with gates", "change",
        "asleep, pJ", "with gates",
    )  # fmt: skip
    for of in rows:
        plain, gates = of["plain"], of["gates"]
        lines.append(row(
            f"`{of['module']}`", f"{plain['registers']:,}", f"{gates.get('gated', 0):,}",
            gates.get("gates", 0), f"{plain['um2']:,.0f}", f"{gates['um2']:,.0f}",
            f"{100 * (gates['um2'] / plain['um2'] - 1):+.0f} %", f"{plain['idle_pj']:.2f}",
            f"{gates['idle_pj']:.2f}",
        ))  # fmt: skip
    head = HEAD.format(
        yosys=rows[0]["yosys"], recipe=measured["recipe"].format(flatten="-flatten", gate=""),
        gated=measured["gated"].strip("; "), own=", ".join(f"`{name}`" for name in OWN),
    )  # fmt: skip
    return head + "\n".join(lines) + "\n"


def main() -> None:
    """Write docs/clock_gating.md."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
