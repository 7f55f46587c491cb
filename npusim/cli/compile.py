"""`npusim compile`: a network into a program file."""

from __future__ import annotations

from pathlib import Path

import click

from npusim.cli.options import FILE, machine_option, model_argument, requant_option


@click.command("compile")
@model_argument
@click.option("-o", "--output", type=FILE, required=True, metavar="PROGRAM.npu")
@machine_option
@requant_option
def command(model: Path, *, output: Path, machine: str, requant: str) -> None:
    """Compile a network into a program for a machine."""
    from npusim.compiler.compile import compile_checked
    from npusim.formats.files import load
    from npusim.writing import require_writable

    require_writable(output)
    program = compile_checked(load(model), machine, requant)
    program.save(output)
    host = [step.node for step in program.steps if step.kind == "host"]
    print(
        f"{output}: {len(program.instructions)} instructions in {len(program.runs())} runs for "
        f"{program.machine.name}, rounding {program.requant}"
        + (f"; on the host: {', '.join(host)}" if host else "")
    )
