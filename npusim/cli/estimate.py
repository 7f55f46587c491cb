"""`npusim estimate`: cycles of a network without executing data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import (
    json_option,
    machine_option,
    model_argument,
    report_options,
    requant_option,
    shape_option,
)

if TYPE_CHECKING:
    from npusim.cli.report import ReportPaths


@click.command("estimate")
@model_argument
@shape_option
@machine_option
@requant_option
@json_option
@report_options
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    machine: str,
    requant: str,
    json_path: Path | None,
    reports: ReportPaths,
) -> None:
    """Compile a network and predict its cycles, without executing data."""
    import npusim
    from npusim.analysis.conformance import not_executed
    from npusim.engines.estimate import estimate
    from npusim.formats.files import load
    from npusim.report.machine_table import energy_line, print_cost_tables, time_line
    from npusim.report.terminal import plain_console
    from npusim.writing import require_outputs, require_suffix, write_json

    require_suffix("--json", json_path, (".json",))
    require_outputs({"--json": json_path} | reports.files, model, machine)
    network = load(model, shapes)
    found = estimate(network, machine, requant)
    results = {"npusim_version": npusim.__version__, "json_version": 1} | found.as_json()
    program = found.program
    if reports:
        conformance = not_executed(program.requant, found.host_operators)
        reports.write(found, results, conformance)
    if json_path is not None:
        write_json(json_path, results)
    console = plain_console()
    print_cost_tables(console, found.layers, found.host)
    console.print(
        f"\n{program.name} on {program.machine.name}: {time_line(found)}, "
        f"{found.macs:,} MACs, utilization {100 * found.utilization:.1f} %, "
        f"{found.dram_bytes:,} DRAM bytes, rounding {program.requant}"
    )
    console.print(energy_line(found.energy_pj, program.machine, found.host_energy_pj))
    for note in network.notes:
        console.print(f"note: {note}")
