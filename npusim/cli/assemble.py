"""`npusim assemble`: a program written by hand into a program file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import FILE, machine_file, machine_option
from npusim.printable import say

if TYPE_CHECKING:
    from npusim.machines import Machine


@click.command("assemble")
@click.argument("source", type=FILE, metavar="FILE.s")
@click.option("-o", "--output", type=FILE, required=True, metavar="PROGRAM.npu")
@machine_option
def command(source: Path, *, output: Path, machine: str | Machine) -> None:
    """Assemble a program written by hand; the static checker proves it first.

    It may use every region; each is an equal part of half the machine's memory, empty.
    """
    from npusim.errors import NpuError
    from npusim.isa.assembly import assemble
    from npusim.isa.program import Program, Region, Step
    from npusim.isa.spec import REGION_COUNT
    from npusim.machines import Machine
    from npusim.reading import file_text
    from npusim.report.terminal import counted
    from npusim.writing import require_outputs, require_suffix

    require_suffix("a program", output, (".npu",))
    require_outputs({"-o": output}, source, machine_file(machine))
    text = file_text(source, "assembly text")
    target = Machine.of(machine)
    try:
        instructions = tuple(assemble(text))
    except NpuError as error:
        raise type(error)(f"{source}: {error}") from None
    region_bytes = target.memory.size_bytes // (2 * REGION_COUNT)
    regions = tuple(Region(f"region{i}", region_bytes) for i in range(REGION_COUNT))
    program = Program(
        name=source.stem, machine=target, requant="", samples=1, instructions=instructions,
        regions=regions, places=(), inputs=(), outputs=(),
        steps=(Step("run", 0, len(instructions)),), layers=(),
    )  # fmt: skip
    program.check()
    program.save(output)
    say(f"{output}: {counted(len(instructions), 'instruction')} for {target.name}")
