"""`npusim verify`: RTL of units, networks and programs against what the Python says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import FILE, changed, changes_option, choice, place_options
from npusim.words import MEMORY_MODELS, SIMULATORS

if TYPE_CHECKING:
    from npusim.explore.carry_out import Place
    from npusim.machines import Machine

PROGRAM_SUFFIX = ".npu"
MODEL_SUFFIXES = (".onnx", ".tflite")
MODEL_MACHINE = "base"
VECTORS = 100_000


@click.command("verify")
@click.argument("targets", nargs=-1, metavar="[UNIT ... | MODEL | PROGRAM.npu]")
@click.option("--all", "every", is_flag=True, help="Every datapath unit.")
@click.option(
    "--random",
    "random_count",
    type=click.IntRange(1),
    metavar="N",
    help="N random programs: the simulated machine against the whole NPU in Verilog.",
)
@click.option("--machine", metavar="NAME|FILE.toml", help="For programs; random ones draw it.")
@changes_option
@click.option("--memory", type=click.Choice(MEMORY_MODELS), help="For programs: memory model.")
@click.option("--latency", type=click.IntRange(1), help="For programs: cycles to the first beat.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of random stimulus.")
@click.option(
    "--vectors",
    type=click.IntRange(1),
    help=f"Random vectors for each unit. Default {VECTORS}.",
)
@choice("--simulator", SIMULATORS, "What runs the Verilog.")
@click.option(
    "--waves",
    type=FILE,
    metavar="FILE.vcd|FILE.fst",
    help="Keep the waves of one unit, network or program; .fst on Icarus alone.",
)
@click.option(
    "--rtl",
    type=FILE,
    multiple=True,
    metavar="FILE.v",
    help="Verilog of your own against the contract of one UNIT; may be given again.",
)
@click.option(
    "--wiring",
    type=FILE,
    metavar="FILE.toml",
    help="With --rtl: names of your ports, widths, latency (docs/cosim.md).",
)
@place_options
@click.option("--bins", is_flag=True, help="Print every coverage point by its name.")
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write the cases as JSON.")
@click.option("--junit", type=FILE, metavar="FILE.xml", help="Write the cases as JUnit's XML.")
def command(
    targets: tuple[str, ...],
    *,
    every: bool,
    random_count: int | None,
    machine: str | None,
    changes: tuple[str, ...],
    memory: str | None,
    latency: int | None,
    seed: int,
    vectors: int | None,
    simulator: str,
    waves: Path | None,
    rtl: tuple[Path, ...],
    wiring: Path | None,
    place: Place,
    bins: bool,
    json_file: Path | None,
    junit: Path | None,
) -> int:
    """Verify RTL against the Python models: units, a network, a program, or --random N.

    The RTL is that of the checkout around the current directory, else the installed package's.
    """
    from npusim.cli.verdicts import Verdicts
    from npusim.formats.shipped import SHORT
    from npusim.writing import require_outputs, require_suffix

    if (every, random_count is not None, bool(targets)).count(True) != 1:
        raise click.UsageError(
            "expected the names of units, a network, a program, --all or --random N"
        )
    require_outputs(
        {"--waves": waves, "--json": json_file, "--junit": junit}, *targets, machine, *rtl, wiring
    )
    require_suffix("JUnit's XML", junit, (".xml",))
    targets = tuple(SHORT.get(name, name) for name in targets)
    is_file = bool(targets) and targets[0].endswith((PROGRAM_SUFFIX, *MODEL_SUFFIXES))
    if (rtl or wiring) and (len(targets) != 1 or is_file):
        raise click.UsageError("--rtl: expected the name of one unit beside it")
    if wiring and not rtl:
        raise click.UsageError("--wiring: expected --rtl FILE.v beside it")
    if bins and is_file:
        raise click.UsageError("--bins: expected units or --random, which have points to cover")
    if vectors is not None and (random_count is not None or is_file):
        raise click.UsageError("--vectors: expected units, which random vectors are made for")
    if random_count is None and not (place.is_here and place.journal is None):
        raise click.UsageError("--workers, --scheduler, --journal: expected --random N beside it")
    verdicts = Verdicts(json_file, junit, bins)
    if random_count is not None:
        from npusim.cli.verify_program import verify_random

        if waves is not None:
            raise click.UsageError(
                "--waves: expected one unit, network or program, found --random; "
                "a program that differs is saved to be verified alone"
            )
        fixed = memory is not None or latency is not None
        if (fixed or changes) and machine is None:
            raise click.UsageError(
                "--set, --memory, --latency: expected a --machine beside --random"
            )
        described = None if machine is None else _described(machine, changes, memory, latency)
        return verify_random(
            random_count, described, simulator=simulator, seed=seed, any_memory=not fixed,
            verdicts=verdicts, place=place,
        )  # fmt: skip
    for kind, suffixes in (("program", (PROGRAM_SUFFIX,)), ("network", MODEL_SUFFIXES)):
        if len(targets) > 1 and any(name.endswith(suffixes) for name in targets):
            raise click.UsageError(f"expected one {kind}, found {len(targets)} names")
    if targets and targets[0].endswith(PROGRAM_SUFFIX):
        from npusim.cli.verify_program import verify_program
        from npusim.isa.program import Program

        if changes:
            raise click.UsageError("--set: expected a network or --random, found a program")
        seeded = click.get_current_context().get_parameter_source("seed")
        if seeded is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--seed: expected random stimulus, a program has its own data")
        path, chosen = Path(targets[0]), None
        if machine is not None or memory is not None or latency is not None:
            chosen = _described(machine or Program.load(path).machine, (), memory, latency)
        return verify_program(
            path, machine=chosen, simulator=simulator, waves=waves, verdicts=verdicts
        )
    if targets and targets[0].endswith(MODEL_SUFFIXES):
        from npusim.cli.verify_program import verify_model

        described = _described(machine or MODEL_MACHINE, changes, memory, latency)
        return verify_model(
            Path(targets[0]), described, simulator=simulator, seed=seed, waves=waves,
            verdicts=verdicts,
        )  # fmt: skip
    given = {"--machine": machine, "--set": changes, "--memory": memory, "--latency": latency}
    for option, is_given in given.items():
        if is_given:
            raise click.UsageError(
                f"{option}: expected a network, a program or --random, found units, which have "
                "their own parameters"
            )
    from npusim.cli.verify_units import verify_own, verify_units

    if rtl:
        from npusim.cosim.own_module import read_own_module

        return verify_own(
            targets[0], rtl, read_own_module(wiring, rtl), seed=seed, waves=waves,
            simulator=simulator, vectors=vectors or VECTORS, verdicts=verdicts,
        )  # fmt: skip
    return verify_units(
        targets, seed=seed, waves=waves, simulator=simulator, vectors=vectors or VECTORS,
        verdicts=verdicts,
    )  # fmt: skip


def _described(
    machine: str | Machine, changes: tuple[str, ...], memory: str | None, latency: int | None
) -> Machine:
    """Return the machine, with the changes, memory model and latency that are given."""
    from npusim.machines import Machine

    result = Machine.of(changed(machine, changes) if isinstance(machine, str) else machine)
    changed_keys = {"memory.model": memory, "memory.latency_cycles": latency}
    return result.with_({key: value for key, value in changed_keys.items() if value is not None})
