"""`npusim program`: a program file as the bytes of a memory, and what registers to set."""

from __future__ import annotations

from pathlib import Path

import click

from npusim.cli.options import FILE
from npusim.printable import say


@click.command("program")
@click.argument("program", type=FILE, metavar="PROGRAM.npu")
@click.option("-o", "--output", type=FILE, required=True, metavar="IMAGE.bin|IMAGE.hex")
def command(program: Path, *, output: Path) -> None:
    """Write what the NPU's memory holds, from address 0 on, before a program runs.

    IMAGE.bin is the bytes; IMAGE.hex one beat of the bus a line, for $readmemh. Printed are the
    control registers to write, for each run (docs/board.md).
    """
    import numpy as np

    from npusim.boards.image import image_of
    from npusim.cosim.npu.run import write_hex
    from npusim.isa.program import Program
    from npusim.writing import require_outputs, require_suffix, whole_file

    require_suffix("an image", output, (".bin", ".hex"))
    require_outputs({"-o": output}, program)
    loaded = Program.load(program)
    image = image_of(loaded)
    if output.suffix == ".hex":
        write_hex(output, np.frombuffer(image.data, np.uint8), loaded.machine.bus.bus_bytes)
    else:
        with whole_file(output) as file:
            file.write(image.data)
    say(f"{output}: {len(image.data)} bytes for {loaded.machine.name}")
    for number, address in enumerate(image.regions):
        say(f"region{number} = {address:#x}")
    for number, run in enumerate(image.runs):
        say(
            f"run {number + 1}: program_base = {run.program_base:#x}, "
            f"program_length = {run.program_length}"
        )
