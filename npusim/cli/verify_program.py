"""`npusim verify MODEL`, `PROGRAM`, `--random N`: the machine in Verilog against the simulator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from npusim.cli.progress import progress_bars
from npusim.cli.verdicts import AGREES, Case, Verdicts
from npusim.cosim import toolchain
from npusim.cosim.errors import CosimulationError
from npusim.cosim.npu.compare import Comparison
from npusim.cosim.npu.random_runs import random_runs, report, save
from npusim.cosim.programs.points import reached
from npusim.engines.verification import compare_program
from npusim.explore.carry_out import HERE, Place
from npusim.explore.random_programs import Ran, run_seeds
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.printable import say

RANKS = {"instructions": 2, "cycles predicted": 0, "measured": 0, "events": 1, "cycles/s": 3}
MOST_POINTS = 8
"""Points of the instruction set that are named where nobody wants all."""
FAMILY_RANKS = {"programs": 0, "instructions": 2, "cycles": 1, "events": 1, "differ": 0}


def verify_program(
    path: Path,
    *,
    machine: Machine | None = None,
    simulator: str = "verilator",
    waves: Path | None = None,
    verdicts: Verdicts | None = None,
) -> int:
    """Run a program file on both sides from its own DRAM image and print a table.

    Parameters
    ----------
    machine
        The program's machine with another memory; the program's own where None.
    waves
        File for the waveform of a program of one run: .vcd, or .fst on Icarus.

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
    with progress_bars() as show:
        show(f"{program.name} on {simulator}", 0, None)
        runs = compare_program(program, machine, simulator=simulator, waves=waves)
    found = [(f"{program.name}, step {number}", run) for number, run in enumerate(runs)]
    title = f"{program.name} on {program.machine.name}, {simulator}"
    return print_comparisons(found, title, verdicts)


def verify_model(
    path: Path,
    machine: Machine,
    *,
    requant: str = "auto",
    simulator: str = "verilator",
    seed: int = 1,
    waves: Path | None = None,
    verdicts: Verdicts | None = None,
) -> int:
    """Compile a network, run it on both sides on a random input and print a table.

    Host operators between two runs are computed once, from what the simulator leaves.

    Parameters
    ----------
    waves
        File for the waveform, .vcd, or .fst on Icarus; NAME-2.vcd, ... for further runs.

    Returns
    -------
    int
        0 where every event, byte and register of every run agrees, 1 where one differs.
    """
    from npusim.engines.machine_network import MachineNetwork
    from npusim.engines.rtl_agreement import compare_network, random_inputs
    from npusim.formats.files import load

    toolchain.require(simulator)
    network = load(path)
    with progress_bars() as show:
        show(f"{path.name} on {machine.name}, {simulator}", 0, None)
        compiled = MachineNetwork(network, machine, requant)
        inputs = random_inputs(compiled.given, seed)
        runs = compare_network(compiled, inputs, simulator=simulator, waves=waves)
    found = [(f"run {number + 1}", run) for number, run in enumerate(runs)]
    hosts = [step.node for step in compiled.program.steps if step.kind == "host"]
    title = f"{path.name} on {machine.name}, memory {machine.memory.model}, {simulator}"
    code = print_comparisons(found, title, verdicts)
    if hosts:
        say(f"computed by the host: {', '.join(hosts)}")
    return code


def verify_random(
    count: int,
    machine: Machine | None,
    *,
    simulator: str = "icarus",
    seed: int = 1,
    any_memory: bool = True,
    folder: Path | None = None,
    verdicts: Verdicts | None = None,
    place: Place = HERE,
) -> int:
    """Run `count` random programs on both sides; print what they reached and every difference.

    Parameters
    ----------
    machine
        Of all programs; None: drawn too.
    any_memory
        Draw a memory for each program; else the machine's.
    folder
        For the shrunk programs that differ, `random-SEED.s` and `.npu`; the current one where None.
    place
        Where the programs run and what is kept.

    Returns
    -------
    int
        0 where all agree, 1 where one differs.
    """
    if count < 1:
        raise CosimulationError(f"--random: expected at least 1 program, found {count}")
    toolchain.require(simulator)
    start = time.monotonic()
    with progress_bars() as show:
        found = run_seeds(
            machine, range(seed, seed + count), simulator=simulator, any_memory=any_memory,
            place=place, progress=lambda done: show("random programs", done, count),
        )  # fmt: skip
    on = "drawn machines" if machine is None else machine.name
    title = (
        f"{count} random programs from seed {seed} on {on}, {simulator}, "
        f"{time.monotonic() - start:.0f} s"
    )
    wrong = [
        run
        for one in found
        if one.difference
        for run in random_runs(
            machine, range(one.seed, one.seed + 1), simulator=simulator, any_memory=any_memory
        )
    ]
    _print_families(found, title, verdicts, {run.seed: report(run) for run in wrong})
    _say_points(found, every=verdicts is not None and verdicts.shows_bins)
    for run in wrong:
        say(f"seed {run.seed}: saved as {save(run, folder or Path.cwd())}")
    return 1 if wrong else 0


def print_comparisons(
    found: Sequence[tuple[str, Comparison]], title: str, verdicts: Verdicts | None = None
) -> int:
    """Print named comparisons as a table, differences below it; return the exit code."""
    if not found:
        raise CosimulationError(
            f"{title}: the machine computes nothing of it, nothing was compared"
        )
    group = title.partition(" on ")[0]
    cases = [
        Case(
            group, name, "DIFFERS" if item.difference else AGREES, item.rtl_seconds,
            {
                "instructions": item.instructions, "cycles predicted": item.cycles,
                "measured": item.rtl_cycles, "events": item.events,
                "cycles/s": round(item.rtl_cycles / item.rtl_seconds) if item.rtl_seconds else 0,
            },
            report=f"{name}: {item.difference}" if item.difference else "",
        )
        for name, item in found
    ]  # fmt: skip
    return (verdicts or Verdicts()).give(title, cases, RANKS)


def _print_families(
    found: Sequence[Ran], title: str, verdicts: Verdicts | None, reports: Mapping[int, str]
) -> None:
    """Print and write a case for each family of programs."""
    cases = []
    for family in sorted({one.family for one in found}, key=lambda name: (name != "good", name)):
        mine = [one for one in found if one.family == family]
        differ = sum(bool(one.difference) for one in mine)
        numbers = {
            "programs": len(mine), "instructions": sum(one.instructions for one in mine),
            "cycles": sum(one.cycles for one in mine), "events": sum(one.events for one in mine),
            "differ": differ,
        }  # fmt: skip
        name = family if family == "good" else f"fault {family}"
        verdict, seconds = "DIFFERS" if differ else AGREES, sum(one.seconds for one in mine)
        text = "\n".join(reports[one.seed] for one in mine if one.difference)
        cases.append(Case("random programs", name, verdict, seconds, numbers, {}, text))
    (verdicts or Verdicts()).give(title, cases, FAMILY_RANKS)


def _say_points(runs: list[Ran], *, every: bool) -> None:
    """Say which points of the instruction set no program reached, the first few or `every` one."""
    points = reached(run.points for run in runs)
    missed = [name for name, times in points.items() if not times]
    say(f"{len(points) - len(missed)} of {len(points)} points of the instruction set reached")
    named = missed if every else missed[:MOST_POINTS]
    rest = len(missed) - len(named)
    if missed:
        more = f"; and {rest} more, which --bins names" if rest else ""
        say(f"not reached: {'; '.join(named)}{more}")
