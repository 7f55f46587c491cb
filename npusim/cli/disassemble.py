"""`npusim disassemble`: a program file as `assemble` reads it, with layers and runs as comments."""

from __future__ import annotations

from pathlib import Path

import click

from npusim.cli.options import FILE
from npusim.printable import one_line, say


@click.command("disassemble")
@click.argument("program", type=FILE, metavar="PROGRAM.npu")
def command(program: Path) -> None:
    """Print the instructions of a program."""
    from npusim.isa.assembly import disassemble
    from npusim.isa.program import Program
    from npusim.report.terminal import counted

    found = Program.load(program)
    say(f"; {one_line(found.name)} for {found.machine.name}, rounding {found.requant}")
    names = {layer.first: f"{layer.name} ({layer.operator})" for layer in found.layers}
    starts = {step.first: step for step in found.runs()}
    for pc, line in enumerate(disassemble(found.instructions).splitlines()):
        if pc in starts:
            say(f"; run of {counted(starts[pc].count, 'instruction')}")
        if pc in names:
            say(f"; {one_line(names[pc])}")
        say(line)
