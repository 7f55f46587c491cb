"""Where a program lies in the DRAM of a comparison: not always at its beginning, as a host may."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.isa.program import Program
from npusim.isa.spec import FETCH_BURST_BYTES
from npusim.machines import Machine
from npusim.simulator.run import load_image

_PLACES = 64


def moved_bytes(program: Program, machine: Machine) -> int:
    """Return how far `program` is moved; the memory's seed says it, as far as there is room."""
    longest = max((len(program.code(step)) for step in program.runs()), default=0)
    room = machine.memory.size_bytes - program.code_address() - longest
    return min(machine.memory.seed % _PLACES, room // FETCH_BURST_BYTES) * FETCH_BURST_BYTES


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
