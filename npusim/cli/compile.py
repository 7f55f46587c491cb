"""`npusim compile`: a network into a program file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import (
    FILE,
    machine_file,
    machine_option,
    model_argument,
    outputs_option,
    requant_option,
    shape_option,
)
from npusim.printable import say

if TYPE_CHECKING:
    from npusim.graph.network import Network
    from npusim.isa.program import Program
    from npusim.machines import Machine


@click.command("compile")
@model_argument
@shape_option
@outputs_option
@click.option("-o", "--output", type=FILE, required=True, metavar="PROGRAM.npu")
@machine_option
@requant_option
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    output: Path,
    machine: str | Machine,
    requant: str,
) -> None:
    """Compile a network into a program for a machine."""
    from npusim.compiler.compile import compile_checked
    from npusim.formats.files import load
    from npusim.writing import require_outputs, require_suffix

    require_suffix("a program", output, (".npu",))
    require_outputs({"-o": output}, model, machine_file(machine))
    network = load(model, shapes, outputs)
    program = compile_checked(network, machine, requant)
    program.save(output)
    host = [step.node for step in program.steps if step.kind == "host"]
    say(
        f"{output}: {len(program.instructions)} instructions in {len(program.runs())} runs for "
        f"{program.machine.name}, rounding {program.requant}"
        + (f"; on the host: {', '.join(host)}" if host else "")
    )
    _say_what_is_proved(program, network)


def _say_what_is_proved(program: Program, network: Network) -> None:
    """Print for how many accumulators the program's constants differ from the runtime's rule."""
    from npusim.analysis.pair_proof import prove_pairs
    from npusim.analysis.proof import prove

    proofs = prove(program, network)
    channels = sum(proof.channels for proof in proofs)
    thresholds = sum(proof.thresholds for proof in proofs)
    inexact = [proof for proof in proofs if proof.differences]
    lacking = sum(len({d.channel for d in proof.differences}) for proof in inexact)
    say(
        f"{channels - lacking} of {channels} channels proved equal to {program.requant} for every "
        f"accumulator that can occur ({thresholds} thresholds)"
    )
    additions = prove_pairs(program, network)
    exact = sum(not proof.differences for proof in additions)
    if additions:
        say(f"{exact} of {len(additions)} operators of two operands proved for all 65,536 pairs")
    for pairs in additions:
        if pairs.differences:
            say(f"{pairs.layer}: {len(pairs.differences)} pairs differ: {pairs.differences[0]}")
    for proof in inexact:
        say(
            f"{proof.layer}: {proof.differing_accumulators} accumulators differ, the first: "
            f"{proof.differences[0]}"
        )
