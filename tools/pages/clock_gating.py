"""docs/clock_gating.md from the energy tables: python -m tools.pages.clock_gating."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from npusim.cost.prices import prices
from npusim.machines import Machine
from npusim.words import MACHINES, TECHNOLOGIES
from tools.checkout import ROOT
from tools.flow.synthesis import LEAST_BITS
from tools.markdown import header, row

PAGE = ROOT / "docs" / "clock_gating.md"
TABLES = ROOT / "npusim" / "cost" / "tables"
HEAD = """\
# Enables as clock gates

Written by `python -m tools.pages.clock_gating` from the tables of `npusim/cost/tables/`; do not
edit.

The Verilog has enables, which a tool maps to a multiplexer before each register, or to one
integrated clock gate before all registers of an enable. The [energy table](energy_table.md) has
both netlists of a module, each replayed at gate level with the same operands of real layers, and
`clock_gating` in a machine's TOML says which one is priced: in those of the package it is true.

"Idle" is a cycle without an operation, "working" a cycle with one; where a module has several
operations the one whose clocks take most. Both are what edges of clocks take: the pins of registers
and gates, and what is inside of them. "Data" is the rest of the same cycle. Figures in brackets are
of earlier Verilog, which has no netlist without gates since; there the whole energy of an idle
cycle is taken for clock, npu_requantize has four multipliers, and streams are of digits alone.

A gate stands before at least {least} registers. A register with a reset beside its enable is
enabled by either. Registers that have no enable in the Verilog keep their clock: most are those
behind a bank of 1,024 words or more, which leaves no time for an enable's multiplexer.

What no netlist here has: the tree of buffers that brings the clock to the pins, which gates would
cut off in part; wires; and the time that an enable needs before the gate's latch.

"""
MACHINE = """\
## Machines

pJ that clocks take in a cycle in which the machine does nothing, by the prices of each netlist.

"""
Row = Mapping[str, Any]


def pairs(document: Mapping[str, Any]) -> Iterator[tuple[Row | None, Row]]:
    """Yield the rows of a build without gates, where there is one, and with them."""
    rows = {
        (of["module"], json.dumps(of["parameters"]), of["clock_gated"]): of
        for of in document["modules"]
    }
    for (module, parameters, gated), of in rows.items():
        if gated:
            yield rows.get((module, parameters, False)), of


def working(of: Row) -> str:
    """Return the operation whose clocks take most."""
    return max(of["clock_pj"], key=of["clock_pj"].__getitem__)


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return a technology's rows as Markdown."""
    found = header(
        "module", "parameters", "registers", "behind gates", "gates", "um2", "with gates",
        "idle, pJ", "with gates", "working, pJ", "with gates", "data, pJ", "with gates",
    )  # fmt: skip
    for plain, gates in pairs(document):
        name = working(gates)
        figures = [
            ("um2", plain and f"{plain['area_um2']:,.0f}", f"{gates['area_um2']:,.0f}"),
            *(
                (what, plain and f"{_pj(plain, what, name):.2f}", f"{_pj(gates, what, name):.2f}")
                for what in ("idle", "working", "data")
            ),
        ]
        same = plain is not None and plain["sources"] == gates["sources"]
        cells = [
            cell for _, without, behind in figures
            for cell in (without if same or not without else f"({without})", behind)
        ]  # fmt: skip
        found.append(row(
            f"`{gates['module']}`",
            " ".join(f"{key}={value}" for key, value in gates["parameters"].items()),
            f"{gates['registers']:,}", f"{gates['gated_registers']:,}", gates["clock_gates"],
            *(cell or "" for cell in cells),
        ))  # fmt: skip
    return found


def _pj(of: Row, what: str, operation: str) -> float:
    """Return what clocks take in an idle cycle, in one of `operation`; or its data."""
    if what == "data":
        return float(of["energy_pj"][operation] - of["clock_pj"][operation])
    return float(of["clock_pj"]["idle" if what == "idle" else operation])


def machine_lines() -> list[str]:
    """Return what clocks take of each shipped machine in an idle cycle."""
    found = header("machine", "technology", "without gates, pJ", "with gates, pJ")
    for name in MACHINES:
        machine = Machine.load(name)
        clocks = [
            prices(machine.with_({"energy.clock_gating": gated}), machine.energy.technology)
            for gated in (False, True)
        ]
        found.append(row(
            f"`{name}`", machine.energy.technology, *(f"{of.cycle['clock']:.1f}" for of in clocks)
        ))  # fmt: skip
    return found


def page() -> str:
    """Return docs/clock_gating.md."""
    text = [HEAD.format(least=LEAST_BITS) + MACHINE + "\n".join(machine_lines()), ""]
    for name in TECHNOLOGIES:
        document = json.loads((TABLES / f"{name}.json").read_text())
        found = [f"## {name}", "", *lines(document), ""]
        if not any(pairs(document)):
            found = [f"## {name}", "", "No netlist with gates is made yet.", ""]
        text += found
    return "\n".join(text)


def main() -> None:
    """Write docs/clock_gating.md."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
