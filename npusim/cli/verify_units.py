"""`npusim verify UNIT ...`: the RTL of datapath units against their pages."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from npusim.cosim import CosimulationError, CoverageGap, Mismatch, Verification, toolchain
from npusim.cosim.units import load_unit, rtl_directory, unit_names
from npusim.cosim.verify_unit import verify_unit
from npusim.report.terminal import PlainConsole, plain_console, verdict


def verify_units(
    names: Sequence[str],
    *,
    seed: int = 1,
    waves: Path | None = None,
    simulator: str = "icarus",
    vectors: int = 100_000,
) -> int:
    """Verify the units called `names` (all where there are none) and print a table.

    Parameters
    ----------
    waves
        File for the waveform; allowed for one unit.
    vectors
        Random vectors for each unit.

    Returns
    -------
    int
        0 where every unit agrees, 1 where one differs; its report is printed below the table.

    Raises
    ------
    CosimulationError
        A name is unknown, a simulator is missing: a user's mistake.
    """
    if vectors < 1:
        raise CosimulationError(f"--vectors: expected at least 1, found {vectors}")
    toolchain.require(simulator)
    units = [load_unit(name) for name in (names or unit_names())]
    if waves is not None and len(units) != 1:
        raise CosimulationError(f"--waves: expected one unit, found {len(units)}")
    rtl = rtl_directory()
    console = plain_console(120)
    table = Table(title=f"RTL of {rtl} against its pages, seed {seed}, {simulator}")
    for title in ("unit", "parameters", "vectors", "cycles", "checked", "coverage", "s", "result"):
        table.add_column(title, justify="left" if title in ("unit", "parameters") else "right")
    reports = []
    progress = Progress(console=PlainConsole(to_stderr=True)) if sys.stderr.isatty() else None
    with progress or nullcontext():
        task = progress.add_task("verify", total=len(units)) if progress else None
        for unit in units:
            if progress is not None and task is not None:
                progress.update(task, description=unit.name)
            start = time.monotonic()
            try:
                results = verify_unit(
                    unit, seed=seed, vectors=vectors, simulator=simulator, waves=waves, rtl=rtl
                )
            except Mismatch as mismatch:
                reports.append(str(mismatch))
                word = "NOT COVERED" if isinstance(mismatch, CoverageGap) else "DIFFERS"
                table.add_row(unit.name, *[""] * 5, _seconds(start), verdict(False, word))
            else:
                for number, result in enumerate(results):
                    table.add_row(*_row(result, number, _seconds(start) if not number else ""))
            if progress is not None and task is not None:
                progress.advance(task)
    console.print(table)
    for report in reports:
        console.print(f"\n{report}", soft_wrap=True)
    return 1 if reports else 0


def _seconds(start: float) -> str:
    return f"{time.monotonic() - start:.1f}"


def _row(result: Verification, number: int, seconds: str) -> tuple[str | Text, ...]:
    settings = " ".join(f"{name}={value}" for name, value in result.parameters.items())
    reached = sum(1 for hits in result.bins.values() if hits)
    return (
        result.unit if not number else "",
        settings,
        f"{result.vectors:,}",
        f"{result.cycles:,}",
        f"{result.checked:,}",
        f"{reached}/{len(result.bins)}",
        seconds,
        verdict(True),
    )
