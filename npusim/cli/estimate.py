"""`npusim estimate`: cycles of a network without executing data."""

from __future__ import annotations

from pathlib import Path

import npusim
from npusim.analysis.conformance import not_executed
from npusim.cli.outputs import require_writable, write_json
from npusim.cli.report import ReportPaths
from npusim.cost.area import area_um2
from npusim.engines.estimate import Estimate, estimate
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.report.machine_table import energy_line, loss_legend, machine_table
from npusim.report.terminal import plain_console


def estimate_model(
    model: Path,
    *,
    machine: str,
    requant: str,
    json_path: Path | None,
    report_path: Path | None,
    plots_path: Path | None,
    trace_path: Path | None,
) -> None:
    """Compile and time the network in `model`; print the table of its layers."""
    require_writable(json_path)
    reports = ReportPaths(report_path, plots_path, trace_path)
    network = load(model)
    found = estimate(network, Machine.load(machine), requant)
    results = {"npusim_version": npusim.__version__, "json_version": 1} | found.as_json()
    if reports:
        conformance = not_executed(found.program.requant, found.host)
        reports.write(found.program, found.timelines, results, conformance)
    if json_path is not None:
        write_json(json_path, results)
    _print(found, network.notes)


def _print(found: Estimate, notes: tuple[str, ...]) -> None:
    console = plain_console()
    machine = found.program.machine
    console.print(machine_table(found.layers))
    console.print(f"\nmost lost to: {loss_legend(found.layers)}")
    milliseconds = 1e3 * found.cycles / machine.clock.frequency_hz
    console.print(
        f"\n{found.program.name} on {machine.name}: {found.cycles:,} cycles "
        f"({milliseconds:.3f} ms at {machine.clock.frequency_hz / 1e6:g} MHz), "
        f"{found.macs:,} MACs, utilization {100 * found.utilization:.1f} %, "
        f"{found.dram_bytes:,} DRAM bytes, rounding {found.program.requant}"
    )
    technology = machine.energy.technology
    area = area_um2(machine, technology)["total"]
    console.print(energy_line(found.energy_pj, area, technology))
    if found.host:
        console.print(f"on the host, without cycles: {', '.join(found.host)}")
    for note in notes:
        console.print(f"note: {note}")
