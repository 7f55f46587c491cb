"""The memories of a machine: four scratchpads as SRAM, and the array's lines."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.cost.sram import Memory, memory
from npusim.isa.instructions.mac import LINES
from npusim.machines import Machine

ACC_HALVES = 2
"""The read and write of one cycle go to two single-port halves of a bank: docs/energy.md."""


@dataclass(frozen=True)
class Scratchpad:
    """A scratchpad of `banks` equal memories; an event of it is an access to one of them."""

    name: str
    component: str
    banks: int
    bank: Memory

    @property
    def area_um2(self) -> float:
        """Area of all banks."""
        return self.banks * self.bank.area_um2

    @property
    def leakage_uw(self) -> float:
        """Leakage of all banks."""
        return self.banks * self.bank.leakage_uw


def memories(machine: Machine, technology: str) -> tuple[Scratchpad, ...]:
    """Return ACT, WGT, PAR and ACC of `machine`, and its lines where they are built in.

    A word of ACC is one region's; one of the lines holds the pixels of two rows.
    """
    pads, byte_bits, acc_bits = machine.scratchpads, 8 * machine.size, 32 * machine.size
    found = [
        Scratchpad(
            name, "scratchpads", parts * getattr(pads, f"{name}_banks"),
            memory(getattr(pads, f"{name}_bank_words") // parts, bits, technology),
        )
        for name, bits, parts in (
            ("act", byte_bits, machine.words), ("wgt", byte_bits, 1), ("par", acc_bits, 1)
        )
    ]  # fmt: skip
    halves = ACC_HALVES * pads.acc_banks
    half = memory(pads.acc_words // halves, acc_bits, technology)
    found.append(Scratchpad("acc", "accumulators", halves * machine.acc_regions, half))
    if machine.array.line_words:
        # A column is read, and written a cycle later: in the half of the odd or the even ones.
        half = memory(machine.array.line_words // 2, LINES * byte_bits, technology)
        found.append(Scratchpad("line", "array_edge", 2, half))
    return tuple(found)
