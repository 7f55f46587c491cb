"""`npusim compile`, `assemble`, `disassemble`: programs to and from files."""

from __future__ import annotations

from pathlib import Path

from npusim.cli.outputs import require_writable, whole_file
from npusim.compiler.compile import compile_network
from npusim.errors import FormatError, NpuError
from npusim.formats.files import load
from npusim.isa.assembly import assemble, disassemble
from npusim.isa.check import check
from npusim.isa.program import Program, Region, Step
from npusim.isa.spec import REGION_COUNT
from npusim.machines import Machine


def compile_model(model: Path, *, output: Path, machine: str, requant: str) -> None:
    """Write the program of the network in `model`, proved by the static checker."""
    require_writable(output)
    program = compile_network(load(model), Machine.load(machine), requant)
    _prove(program)
    with whole_file(output) as file:
        file.write(program.to_bytes())
    runs = len(program.runs())
    host = [step.node for step in program.steps if step.kind == "host"]
    print(
        f"{output}: {len(program.instructions)} instructions in {runs} runs for "
        f"{program.machine.name}, rounding {program.requant}"
        + (f"; on the host: {', '.join(host)}" if host else "")
    )


def _prove(program: Program) -> None:
    sizes = [region.size_bytes for region in program.regions]
    for step in program.runs():
        check(program.instructions[step.first : step.first + step.count], program.machine, sizes)


def assemble_file(source: Path, *, output: Path, machine: str) -> None:
    """Write the program that the assembly text in `source` spells, proved by the checker.

    It may use every region; each is an equal part of half the machine's memory, empty.
    """
    require_writable(output)
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise FormatError(f"{source}: cannot read it: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{source}: expected assembly text, found {error}") from None
    target = Machine.load(machine)
    try:
        instructions = tuple(assemble(text))
    except NpuError as error:
        raise type(error)(f"{source}: {error}") from None
    region_bytes = target.memory.size_bytes // (2 * REGION_COUNT)
    regions = tuple(Region(f"region{i}", region_bytes) for i in range(REGION_COUNT))
    program = Program(
        name=source.stem, machine=target, requant="", instructions=instructions,
        regions=regions, places=(), inputs=(), outputs=(),
        steps=(Step("run", 0, len(instructions)),), layers=(),
    )  # fmt: skip
    _prove(program)
    with whole_file(output) as file:
        file.write(program.to_bytes())
    print(f"{output}: {len(instructions)} instructions for {target.name}")


def disassemble_file(path: Path) -> None:
    """Print a program as `assemble` reads it, with layers and runs as comments."""
    program = Program.load(path)
    print(f"; {program.name} for {program.machine.name}, rounding {program.requant}")
    names = {layer.first: f"{layer.name} ({layer.operator})" for layer in program.layers}
    lines = disassemble(program.instructions)
    starts = {step.first: step for step in program.runs()}
    for pc, line in enumerate(lines.splitlines()):
        if pc in starts:
            print(f"; run of {starts[pc].count} instructions")
        if pc in names:
            print(f"; {names[pc]}")
        print(line)
