"""`npusim estimate`: cycles of a network without executing data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from npusim.cli.options import (
    changed,
    changes_option,
    csv_option,
    json_option,
    machine_file,
    machines_option,
    model_argument,
    outputs_option,
    report_options,
    requant_option,
    shape_option,
)

if TYPE_CHECKING:
    from rich.console import Console

    from npusim.cli.report import ReportPaths
    from npusim.engines.program_cost import ProgramCost
    from npusim.graph.network import Network


@click.command("estimate")
@model_argument
@shape_option
@outputs_option
@machines_option
@changes_option
@requant_option
@click.option(
    "--batch", type=click.IntRange(1), help="Samples of a batch; default: as the network declares."
)
@json_option
@csv_option
@report_options
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    machines: tuple[str, ...],
    changes: tuple[str, ...],
    requant: str,
    batch: int | None,
    json_path: Path | None,
    csv_path: Path | None,
    reports: ReportPaths,
) -> None:
    """Compile a network and predict its cycles, without executing data.

    Several machines are shown beside each other.
    """
    import npusim
    from npusim.analysis.conformance import not_executed
    from npusim.compiler.graph.nominal import assumption
    from npusim.engines.estimate import estimate
    from npusim.errors import UnsupportedError
    from npusim.formats.files import load
    from npusim.report.csv_rows import csv_rows, layer_rows
    from npusim.report.terminal import plain_console
    from npusim.words import JSON_VERSION
    from npusim.writing import require_outputs, require_suffix, write_json, write_text

    require_suffix("--json", json_path, (".json",))
    require_suffix("--csv", csv_path, (".csv",))
    if reports and len(machines) > 1:
        raise UnsupportedError(
            f"--report, --plots, --trace: expected one machine, found {len(machines)}"
        )
    chosen = [changed(name, changes) for name in machines]
    written = {"--json": json_path, "--csv": csv_path} | reports.files
    require_outputs(written, model, *map(machine_file, chosen))
    network = load(model, shapes, outputs)
    costs = [estimate(network, machine, requant, batch) for machine in chosen]
    versions: dict[str, Any] = {"npusim_version": npusim.__version__, "json_version": JSON_VERSION}
    assumed = assumption(network)
    said = {"assumption": assumed} if assumed else {}
    results = [versions | said | cost.as_json() | _absorbed(network, cost) for cost in costs]
    if reports:
        (cost,) = costs
        conformance = not_executed(cost.program.requant, cost.host_operators, assumed)
        reports.write(cost, results[0], conformance)
    if json_path is not None:
        whole = results[0] if len(results) == 1 else versions | {"estimates": results}
        write_json(json_path, whole)
    if csv_path is not None:
        rows = [{"machine": r["machine"], **row} for r in results for row in layer_rows(r)]
        write_text(csv_path, csv_rows(rows))
    console = plain_console()
    if len(costs) == 1:
        _print_one(console, network, costs[0], batch)
    else:
        _print_several(console, results)
        if assumed:
            console.print(f"\n{network.name}: {assumed}")
    for note in network.notes:
        console.print(f"note: {note}")


def _absorbed(network: Network, cost: ProgramCost) -> dict[str, Any]:
    from npusim.analysis.absorbed import absorbed

    return {"absorbed": [one.as_json() for one in absorbed(network, cost.program)]}


def _samples(cost: ProgramCost, batch: int | None) -> str:
    """Return the samples that figures are of, where they are not one; and why not all."""
    from npusim.report.terminal import counted

    samples = cost.program.samples
    if samples == (batch or 1):
        return "" if samples == 1 else f"{samples} samples in "
    why = f" ({batch // samples} such parts of {batch} move the fewest bytes)" if batch else ""
    return f"{counted(samples, 'sample')}{why} in "


def _print_one(console: Console, network: Network, cost: ProgramCost, batch: int | None) -> None:
    from npusim.analysis.absorbed import absorbed
    from npusim.compiler.graph.nominal import assumption
    from npusim.report.machine_table import (
        dram_line,
        energy_line,
        print_cost_tables,
        time_line,
    )

    program = cost.program
    print_cost_tables(console, cost.layers, cost.host, absorbed(network, program))
    assumed = assumption(network)
    console.print(
        f"\n{program.name} on {program.machine.name}: {_samples(cost, batch)}{time_line(cost)}, "
        f"{cost.macs:,} MACs, utilization {100 * cost.utilization:.1f} %, "
        f"{cost.dram_bytes:,} DRAM bytes, rounding {program.requant}" + (assumed and f"; {assumed}")
    )
    if cost.dram_accesses:
        console.print(dram_line(cost.dram_accesses))
    if cost.host:
        console.print(
            f"(on the host: what the machine has no instructions for, or what rounding "
            f"{program.requant} does in floating point; another form of the network may differ)"
        )
    console.print(energy_line(cost.energy_pj, program, cost.host_energy_pj))


def _print_several(console: Console, results: list[dict[str, Any]]) -> None:
    from npusim.report.side_by_side import layers_sheet, totals_sheet

    labels = [result["machine"] for result in results]
    layers_sheet(labels, results).show(console)
    console.print()
    totals_sheet(labels, results).show(console)
