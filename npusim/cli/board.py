"""`npusim board`: a network on an FPGA board with the NPU, or on the board in simulation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import FILE, choice, model_argument, requant_option, sample_options
from npusim.printable import say
from npusim.words import SIMULATORS

if TYPE_CHECKING:
    from npusim.formats.samples import Reading


@click.command("board")
@model_argument
@click.option("--input", "input_file", type=FILE, required=True, help="As of npusim run.")
@sample_options
@click.option("--count", type=click.IntRange(1), help="First samples to take; all when left out.")
@click.option("--machine", default="nano", show_default=True, metavar="NAME|FILE.toml")
@requant_option
@click.option("--port", help="Serial port of the board; left out, the board is simulated.")
@click.option("--baud", type=click.IntRange(1), default=1_000_000, show_default=True)
@choice("--simulator", SIMULATORS[::-1], "What simulates the board.")
def command(
    model: Path,
    *,
    input_file: Path,
    reading: Reading,
    count: int | None,
    machine: str,
    requant: str,
    port: str | None,
    baud: int,
    simulator: str,
) -> int:
    """Execute a network on a board and compare every output byte with the kernels'.

    The exit code is 1 where a byte differs.
    """
    from npusim.analysis.top1 import correct_guesses
    from npusim.boards.board import Board
    from npusim.boards.link import SerialLink
    from npusim.boards.simulated import SimulatedLink
    from npusim.cli.progress import progress_bars
    from npusim.engines.on_board import run_on_board
    from npusim.formats.files import load
    from npusim.formats.inputs import read_inputs
    from npusim.machines import Machine
    from npusim.report.terminal import counted

    network = load(model)
    samples = read_inputs([("", input_file)], network, reading)
    x = {name: values[:count] for name, values in samples.x.items()}
    built = Machine.of(machine)
    line = SimulatedLink(built, simulator) if port is None else SerialLink(port, baud)
    with progress_bars() as show, line as link:
        show(f"{network.name} on a board", 0, None)
        result = run_on_board(
            Board(link), network, x, built, requant,
            progress=lambda done, total: show(f"{network.name} on a board", done, total),
        )  # fmt: skip
    where = f"simulated by {simulator}" if port is None else f"at {port}"
    runs = counted(len(result.cycles), "run")
    say(f"{network.name} on a board with {built.name}, {where}: {runs}")
    say(f"cycles of a run: {min(result.cycles):,} to {max(result.cycles):,}, as the board counted")
    say(f"{result.differing} of {result.values} output values differ from the kernels'")
    if samples.labels is not None:
        labels = samples.labels[:count]
        correct = correct_guesses(result.outputs[network.outputs[0]], labels)
        say(f"top-1: {correct} of {len(labels)} correct")
    return 1 if result.differing else 0
