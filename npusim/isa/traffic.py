"""What a program moves, known without its cycles."""

from __future__ import annotations

from npusim.isa.columns import columns_of
from npusim.isa.instructions import PAGES
from npusim.isa.program import Program
from npusim.isa.rows import moved_bytes
from npusim.isa.spec import INSTRUCTION_BYTES
from npusim.machines import Machine


def dram_bytes(program: Program) -> int:
    """Return the bytes that LD and ST move; FETCH reads 16 bytes an instruction besides."""
    moved = 0
    for step in program.runs():
        groups = columns_of(program.code(step)).groups
        for name in ("LD", "ST"):
            if name in groups:
                transfer = PAGES[name].transfer(groups[name], program.machine)
                assert transfer is not None
                moved += int(moved_bytes(transfer, program.machine).sum())
    return moved


def instruction_beats(machine: Machine) -> int:
    """Return the beats of an instruction: FETCH's port is the bus, or an instruction wide."""
    return max(INSTRUCTION_BYTES // machine.bus.bus_bytes, 1)
