"""`npusim machines`: the machines that come with npusim."""

from __future__ import annotations

import click


@click.command("machines")
def command() -> None:
    """Print the machines that come with npusim: array, scratchpads, bus, clock, area."""
    from rich.table import Table

    from npusim.cost.area import area_um2
    from npusim.machines import Machine
    from npusim.report.terminal import plain_console
    from npusim.words import MACHINES

    table = Table(box=None, pad_edge=False, header_style="bold")
    titles = ("machine", "array", "formats", "ACT bytes", "WGT bytes", "bus bytes", "GB/s",
              "MHz", "mm2")  # fmt: skip
    for title in titles:
        table.add_column(title, justify="left" if title in ("machine", "formats") else "right")
    for name in MACHINES:
        machine = Machine.load(name)
        area_mm2 = area_um2(machine, machine.energy.technology)["total"] / 1e6
        table.add_row(
            name, f"{machine.rows} x {machine.size}", " ".join(machine.array.formats),
            f"{machine.act_words * machine.size:,}", f"{machine.wgt_words * machine.size:,}",
            str(machine.bus.bus_bytes),
            f"{machine.bus.bus_bytes * machine.clock.frequency_hz / 1e9:g}",
            f"{machine.clock.frequency_hz / 1e6:g}", f"{area_mm2:.3f}",
        )  # fmt: skip
    plain_console().print(table)
