"""Where a program lies in the DRAM of a comparison: not always at its beginning, as a host may."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from npusim.isa.instructions import FORMATS
from npusim.isa.program import Program
from npusim.isa.spec import DRAM_SPACE, FETCH_BURST_BYTES, HEADER, INSTRUCTION_BYTES
from npusim.machines import Machine
from npusim.simulator.run import load_image

_PLACES = 64
_TURNED_EVERY = 3
"""Of so many memory seeds one turns what lies in its memory."""


def wanted_bytes(machine: Machine) -> int:
    """Return how far a program is moved where there is room: the memory's seed says it."""
    return machine.memory.seed % _PLACES * FETCH_BURST_BYTES


def moved_bytes(program: Program, machine: Machine) -> int:
    """Return how far `program` is moved: as wanted, as far as there is room."""
    longest = max((len(program.code(step)) for step in program.runs()), default=0)
    room = machine.memory.size_bytes - program.code_address() - longest
    return min(wanted_bytes(machine), room // FETCH_BURST_BYTES * FETCH_BURST_BYTES)


def addresses_of(program: Program, machine: Machine | None = None) -> tuple[tuple[int, ...], int]:
    """Return (address of each region, address of the code), all moved by `moved_bytes`."""
    moved = moved_bytes(program, machine or program.machine)
    regions = tuple(address + moved for address in program.region_addresses())
    return regions, program.code_address() + moved


def placed(
    program: Program, machine: Machine | None = None
) -> tuple[NDArray[np.uint8], tuple[int, ...], int]:
    """Return (DRAM, address of each region, address of the code), all moved by `moved_bytes`.

    Parameters
    ----------
    machine
        The program's machine with another memory; the program's own where None.

    Returns
    -------
    tuple
        DRAM: uint8 [bytes of the memory].
    """
    machine = machine or program.machine
    dram, end = load_image(program, machine), program.code_address()
    moved = moved_bytes(program, machine)
    dram[moved : moved + end] = dram[:end].copy()
    return dram, *addresses_of(program, machine)


def turned(
    code: bytes, addresses: tuple[int, ...], machine: Machine
) -> tuple[bytes, tuple[int, ...]]:
    """Return code and addresses of the regions by which LD and ST take the same beats as before.

    With every third memory, each region begins before its bytes, most often before address 0, and
    each offset is longer by as much: their sums carry, and wrap. The memory's seed says how far.
    """
    seed, bus_bytes = machine.memory.seed, machine.bus.bus_bytes
    if seed % _TURNED_EVERY:
        return code, addresses
    rng, fields = random.Random(seed), {f.name: f for f in FORMATS["LD"].fields}  # ST has them too
    offset, region = fields["offset"], fields["region"]
    opcodes = {FORMATS[name].opcode for name in ("LD", "ST")}
    words = [
        int.from_bytes(code[at : at + INSTRUCTION_BYTES], "little")
        for at in range(0, len(code), INSTRUCTION_BYTES)
    ]
    transfers = [i for i, word in enumerate(words) if HEADER[0].extract(word) in opcodes]
    most = [0] * len(addresses)
    for i in transfers:
        place = region.extract(words[i])
        most[place] = max(most[place], offset.extract(words[i]))
    beats = [rng.randint(0, offset.mask - longest) for longest in most]
    for i in transfers:
        place = region.extract(words[i])
        further = offset.extract(words[i]) + beats[place]
        words[i] = words[i] & ~offset.insert(offset.mask) | offset.insert(further)
    return b"".join(word.to_bytes(INSTRUCTION_BYTES, "little") for word in words), tuple(
        (address - by * bus_bytes) % DRAM_SPACE
        for address, by in zip(addresses, beats, strict=True)
    )
