"""`npusim explain-cycles`: what bounds each layer, and how far it is from its least cycles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import (
    json_option,
    machine_file,
    machine_option,
    model_argument,
    outputs_option,
    requant_option,
    shape_option,
)

if TYPE_CHECKING:
    from npusim.machines import Machine


@click.command("explain-cycles")
@model_argument
@shape_option
@outputs_option
@machine_option
@requant_option
@json_option
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    machine: str | Machine,
    requant: str,
    json_path: Path | None,
) -> None:
    """Say what bounds each layer of a network on a machine.

    That is the array, its fill, the requantizers, the vector unit, the bus, or waiting; beside it
    stand the least cycles that the multiplications and the bytes moved would take.
    """
    import npusim
    from npusim.analysis.bounds import network_bounds
    from npusim.engines.estimate import estimate
    from npusim.formats.files import load
    from npusim.report.bounds_table import bounds_lines, bounds_sheet
    from npusim.report.machine_table import host_sheet
    from npusim.report.terminal import plain_console
    from npusim.words import JSON_VERSION
    from npusim.writing import require_outputs, require_suffix, write_json

    require_suffix("--json", json_path, (".json",))
    require_outputs({"--json": json_path}, model, machine_file(machine))
    cost = estimate(load(model, shapes, outputs), machine, requant)
    found = network_bounds(cost.program, cost.layers, cost.cycles)
    if json_path is not None:
        versions = {"npusim_version": npusim.__version__, "json_version": JSON_VERSION}
        figures = found.as_json() | cost.host_json()
        write_json(json_path, versions | {"model": cost.program.name} | figures)
    console = plain_console()
    if found.cycles:
        bounds_sheet(found).show(console)
        for line in bounds_lines(cost.program.name, found):
            console.print(line)
    else:
        console.print(f"{cost.program.name} on {found.machine}: the machine computes nothing of it")
    if cost.host:
        console.print()
        host_sheet(cost.host).show(console)
