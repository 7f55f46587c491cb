"""docs/timing.md from what tools/flow/timing.py measured: python -m tools.pages.timing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from npusim.machines import Machine
from npusim.words import MACHINES
from tools.checkout import ROOT
from tools.flow.technologies import TECHNOLOGIES, Technology
from tools.flow.timing import KEPT, MEASURED, TOP, shapes_of
from tools.flow.timing_driven import ABC, LOAD_FF, RECIPE
from tools.markdown import header, row

PAGE = ROOT / "docs" / "timing.md"
Row = Mapping[str, Any]
Memories = Mapping[str, Mapping[str, float]]
"""Technology -> words of a bank -> when it answers, ns."""

HEAD = """\
# The clock that the Verilog closes

Written by `python -m tools.pages.timing` from docs/timing.json, which `python -m tools.flow.timing
LIBRARIES` makes ({tools}); do not edit. A test fails where a row's Verilog or recipe is no longer
that of the sources, and where a machine of the package that has a row states a `frequency_hz` that
its top does not close.

**Recipe.** Yosys `{recipe}` with ABC's script `{abc}`: mapped, buffered and sized for a path
that is shorter than what closes. OpenSTA reads that netlist: setup from register to register, to
and from the ports, which arrive at the clock's edge, have a buffer before them, and drive
{load:.0f} fF. Modules are flat but for {kept}, which is mapped once for all lanes: nothing is
optimized across its border. Where more hangs on a net than a small cell drives, when the parts
stand together, a tree of `{buffers}` is put before it
([tools/flow/fan_out.py](../tools/flow/fan_out.py)).

**Assumptions.** {assumptions}
Wires have a capacitance and no resistance: every sink adds that of the wire to its net, for
mapping and analysis alike. No clock tree: its skew and jitter are the uncertainty. Hold is not
looked at. Placement, other corners (slow silicon, low voltage, heat) and routing will take more:
read these figures as what the logic could reach, not as a sign-off.

**Memories** are macros (the registers of queues and tables are registers). A bank answers as late
as the slowest SRAM macro of SG13G2 with the fewest words that hold its own, by the load on its
output (in the table: a register), and its inputs are due as early as that macro's at the slowest
edges. Nangate45 has no macros: the
same times by the feature size, 45 / 130. The macros have one port, our ACC reads and writes
in one cycle ([energy](energy.md), Ports).

| bank of words | {titles} |
|---|{rules}
{memories}
"""


def assumptions(technology: Technology) -> str:
    """Return a technology's numbers in words."""
    return (
        f"{technology.title}: typical corner, clock uncertainty {technology.uncertainty_ns} ns, "
        f"{technology.wire_ff} fF of wire a sink, mapped for {technology.target_ns} ns."
    )


def machines(rows: list[Row], memories: Memories) -> list[str]:
    """Return the table of the tops."""
    lines = [
        "## Machines", "",
        *header("machine", "states, MHz", "technology", "closes, MHz", "ns", "cells", "from", "to"),
    ]  # fmt: skip
    for of in rows:
        if of["module"] == TOP:
            stated = Machine.load(of["machine"]).clock.frequency_hz / 1e6
            lines.append(row(
                f"`{of['machine']}`", f"{stated:.0f}", title(of), f"{closes_mhz(of):.0f}",
                f"{of['period_ns']:.2f}", of["cells"], f"`{of['start']}`", f"`{of['end']}`",
            ))  # fmt: skip
    lines.append("")
    have = {of["machine"] for of in rows if of["module"] == TOP}
    missing = [f"`{name}`" for name in MACHINES if name not in have]
    if missing:
        lines += [f"Without a row of their own: {', '.join(missing)}.", ""]
    return [
        *lines,
        "No machine is quicker than its slowest bank, were its output to go to a register:", "",
        *header("machine", "states, MHz", *(f"{t.title}, at most MHz" for t in TECHNOLOGIES)),
        *(row(f"`{name}`", f"{Machine.load(name).clock.frequency_hz / 1e6:.0f}",
              *(f"{bound_mhz(Machine.load(name), t, memories):.0f}" for t in TECHNOLOGIES))
          for name in MACHINES), "",
        "A machine's file names the technology that prices its energy; its clock keeps to that",
        "one. Built in another, `frequency_hz` is at most what stands in that one's column.", "",
    ]  # fmt: skip


def bound_mhz(machine: Machine, technology: Technology, memories: Memories) -> float:
    """Return the clock that the machine's slowest bank allows."""
    words = max(words for words, _ in shapes_of(machine))
    return 1e3 / (memories[technology.name][str(words)] + technology.uncertainty_ns)


def modules(rows: list[Row], technology: Technology) -> list[str]:
    """Return the table of a technology's modules."""
    lines = [
        f"## Modules of `nano` in {technology.title}", "",
        *header("module", "um2", "ns", "cells", "from", "to"),
    ]  # fmt: skip
    for of in rows:
        if of["module"] != TOP and of["technology"] == technology.name:
            lines.append(row(
                f"`{of['module']}`", f"{of['um2']:,.0f}", f"{of['period_ns']:.2f}", of["cells"],
                f"`{of['start']}`", f"`{of['end']}`",
            ))  # fmt: skip
    return [*lines, ""]


def title(of: Row) -> str:
    """Return the title of a row's technology."""
    return next(t.title for t in TECHNOLOGIES if t.name == of["technology"])


def closes_mhz(of: Row) -> float:
    """Return the clock that a row closes."""
    return 1e3 / float(of["period_ns"])


def page() -> str:
    """Return docs/timing.md."""
    measured = json.loads(MEASURED.read_text())
    rows, memories = measured["rows"], measured["memories_ns"]
    tools = sorted({f"{of['yosys']}, {of['sta']}" for of in rows})
    text = HEAD.format(
        tools="; ".join(tools), recipe=RECIPE, load=LOAD_FF,
        abc="; ".join(ABC).replace("{target:.0f}", "TARGET"),
        kept=", ".join(f"`{name}`" for name in KEPT),
        buffers="` or `".join(t.buffer for t in TECHNOLOGIES),
        assumptions=" ".join(map(assumptions, TECHNOLOGIES)),
        titles=" | ".join(f"{t.title}, ns" for t in TECHNOLOGIES),
        rules="---|" * len(TECHNOLOGIES),
        memories="\n".join(
            row(words, *(f"{memories[t.name][words]:.2f}" for t in TECHNOLOGIES))
            for words in memories[TECHNOLOGIES[0].name]
        ),
    )  # fmt: skip
    lines = [text, *machines(rows, memories)]
    for technology in TECHNOLOGIES:
        lines += modules(rows, technology)
    return "\n".join(lines)


def main() -> None:
    """Write docs/timing.md."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
