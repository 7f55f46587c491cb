"""A program as the bytes of a memory: its regions, then the code of each run."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.errors import UnsupportedError
from npusim.isa.program import Program, Step


@dataclass(frozen=True)
class Run:
    """What the registers of a run hold: byte address and length of its code, in instructions."""

    step: Step
    program_base: int
    program_length: int


@dataclass(frozen=True)
class Image:
    """What a memory holds from address 0 on; `regions`: byte address of each."""

    data: bytes
    regions: tuple[int, ...]
    runs: tuple[Run, ...]


def image_of(program: Program) -> Image:
    """Return a program's image; what no image of a region fills is 0.

    Raises
    ------
    UnsupportedError
        The machine computes nothing of the program.
    """
    data = bytearray(program.code_address())
    for address, region in zip(program.region_addresses(), program.regions, strict=True):
        data[address : address + len(region.image)] = region.image
    runs = []
    for step in program.runs():
        runs.append(Run(step, len(data), step.count))
        data += program.code(step)
    if not runs:
        raise UnsupportedError(f"{program.name}: the machine computes nothing of it")
    return Image(bytes(data), program.region_addresses(), tuple(runs))
