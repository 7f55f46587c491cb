"""`npusim verify MODEL`, `PROGRAM`, `--random N`: the machine in Verilog against the simulator."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from rich.progress import Progress
from rich.table import Table

from npusim.cosim import toolchain
from npusim.cosim.errors import CosimulationError
from npusim.cosim.npu.compare import Comparison
from npusim.cosim.npu.random_runs import RandomRun, random_runs, report, save
from npusim.engines.verification import compare_program
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.report.terminal import PlainConsole, plain_console, verdict

PIPED_WIDTH = 120


def verify_program(
    path: Path,
    *,
    machine: Machine | None = None,
    simulator: str = "verilator",
    waves: Path | None = None,
) -> int:
    """Run a program file on both sides from its own DRAM image and print a table.

    Parameters
    ----------
    machine
        The program's machine with another memory; the program's own where None.
    waves
        File for the waveform, FST, of a program of one run on Icarus.

    Returns
    -------
    int
        0 where every event, byte and register agrees, 1 where one differs.

    Raises
    ------
    UnsupportedError
        The program needs the host between two runs.
    """
    toolchain.require(simulator)
    program = Program.load(path)
    runs = compare_program(program, machine, simulator=simulator, waves=waves)
    found = [(f"{program.name}, step {number}", run) for number, run in enumerate(runs)]
    return print_comparisons(found, f"{program.name} on {program.machine.name}, {simulator}")


def verify_model(
    path: Path,
    machine: Machine,
    *,
    requant: str = "auto",
    simulator: str = "verilator",
    seed: int = 1,
    waves: Path | None = None,
) -> int:
    """Compile a network, run it on both sides on a random input and print a table.

    Host operators between two runs are computed once, from what the simulator leaves.

    Parameters
    ----------
    waves
        File for the waveform, FST, on Icarus; NAME-2.fst, ... for the runs behind the first.

    Returns
    -------
    int
        0 where every event, byte and register of every run agrees, 1 where one differs.
    """
    from npusim.engines.machine_network import MachineNetwork
    from npusim.engines.rtl_agreement import compare_network, random_inputs
    from npusim.formats.files import load

    toolchain.require(simulator)
    compiled = MachineNetwork(load(path), machine, requant)
    inputs = random_inputs(compiled.network, seed)
    runs = compare_network(compiled, inputs, simulator=simulator, waves=waves)
    found = [(f"run {number + 1}", run) for number, run in enumerate(runs)]
    hosts = [step.node for step in compiled.program.steps if step.kind == "host"]
    title = f"{path.name} on {machine.name}, memory {machine.memory.model}, {simulator}"
    code = print_comparisons(found, title)
    if hosts:
        _print_text(f"computed by the host: {', '.join(hosts)}")
    return code


def verify_random(
    count: int,
    machine: Machine,
    *,
    simulator: str = "icarus",
    seed: int = 1,
    any_memory: bool = True,
    folder: Path | None = None,
) -> int:
    """Run `count` random programs on both sides; print a summary and every difference.

    Parameters
    ----------
    any_memory
        Draw a memory for each program; else the machine's.
    folder
        For the shrunk programs that differ, `random-SEED.s` and `.npu`; the current one where None.

    Returns
    -------
    int
        0 where all agree, 1 where one differs.
    """
    if count < 1:
        raise CosimulationError(f"--random: expected at least 1 program, found {count}")
    toolchain.require(simulator)
    runs = random_runs(
        machine, range(seed, seed + count), simulator=simulator, any_memory=any_memory
    )
    start, done = time.monotonic(), []
    progress = Progress(console=PlainConsole(to_stderr=True)) if sys.stderr.isatty() else None
    with progress or nullcontext():
        task = progress.add_task("random programs", total=count) if progress else None
        for run in runs:
            done.append(run)
            if progress is not None and task is not None:
                progress.advance(task)
    _print_families(done, f"{count} random programs from seed {seed} on {machine.name}, "
                          f"{simulator}, {time.monotonic() - start:.0f} s")  # fmt: skip
    wrong = [run for run in done if run.comparison.difference]
    for run in wrong:
        _print_text("\n" + report(run).rstrip())
        _print_text(f"saved as {save(run, folder or Path.cwd())}")
    return 1 if wrong else 0


def print_comparisons(found: Iterable[tuple[str, Comparison]], title: str) -> int:
    """Print named comparisons as a table, differences below it; return the exit code."""
    table = Table(title=title)
    columns = ("run", "instructions", "cycles predicted", "measured", "events", "cycles/s")
    for column in columns:
        table.add_column(column, justify="left" if column == "run" else "right")
    table.add_column("result")
    reports = []
    for name, item in found:
        speed = item.rtl_cycles / item.rtl_seconds if item.rtl_seconds else 0
        numbers = (item.instructions, item.cycles, item.rtl_cycles, item.events, round(speed))
        table.add_row(name, *(f"{number:,}" for number in numbers), verdict(not item.difference))
        if item.difference:
            reports.append(f"\n{name}: {item.difference}")
    if not table.rows:
        raise CosimulationError(
            f"{title}: the machine computes nothing of it, nothing was compared"
        )
    plain_console(PIPED_WIDTH).print(table)
    for text in reports:
        _print_text(text)
    return 1 if reports else 0


def _print_families(runs: list[RandomRun], title: str) -> None:
    table = Table(title=title)
    for column in ("family", "programs", "instructions", "cycles", "events", "differ"):
        table.add_column(column, justify="left" if column == "family" else "right")
    for family in sorted({run.family for run in runs}, key=lambda name: (name != "good", name)):
        mine = [run.comparison for run in runs if run.family == family]
        numbers = (
            len(mine), sum(c.instructions for c in mine), sum(c.cycles for c in mine),
            sum(c.events for c in mine), sum(bool(c.difference) for c in mine),
        )  # fmt: skip
        name = family if family == "good" else f"fault {family}"
        table.add_row(name, *(f"{number:,}" for number in numbers))
    plain_console(PIPED_WIDTH).print(table)


def _print_text(text: str) -> None:
    plain_console(PIPED_WIDTH).print(text, soft_wrap=True)
