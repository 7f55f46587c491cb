"""Operand activity of MACs: how many bits change in the columns of the array, from word to word.

Energy of a column follows what its operands do, so a price can follow it too: these sums are what
the energy table's fits are made of (docs/energy_table.md). They are exact counts of the machine's
own registers, in the order in which words pass:

    operands      bits of xe that change at a PE
    multipliers   the same, times the non-zero Booth digits of the PE's weight
    products      bits of the PE's product register that change
    sums          bits of the column's sums that change, of all regions

all summed over the PEs of all columns. Rows that do not count hold xe = 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.codes import REGIONS
from npusim.datapath.jit import scalar
from npusim.kernels.entry import make_calls
from npusim.machines import Machine
from npusim.simulator.execute.activity_calls import COUNTED, REGISTERS, count, decode
from npusim.simulator.execute.activity_word import padded_columns
from npusim.simulator.execute.call_record import Call, Records, records
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain import mac

FEATURES = ("operands", "multipliers", "products", "sums")
WEIGHT_DIGITS = 5
"""Booth digits of the widest weight: pwlq's 9 bits with their sign."""


@scalar
def booth_digits(weight: int) -> int:
    """Return the non-zero radix-4 Booth digits of a weight: rows of a multiplier that are not 0."""
    count, doubled = 0, weight * 2
    for index in range(WEIGHT_DIGITS):
        digit = (doubled >> (2 * index)) & 7
        if digit != 0 and digit != 7:
            count += 1
    return count


def digit_table(o: Any) -> NDArray[np.int16]:
    """Return plain/mac.weight_table of a MAC's regions, the digits of each code behind."""
    table = mac.weight_table(o)
    digits = [booth_digits(int(weight)) for weight in table[:, 0] + table[:, 1]]
    return np.ascontiguousarray(np.column_stack([table[:, : o["regions"]], digits]), np.int16)


class Activity:
    """The array's registers between MACs, and what changed in each MAC that ran.

    Attributes
    ----------
    features
        int64 [instructions FEATURES], over all runs; 0 but for MACs.
    """

    def __init__(self, machine: Machine, instructions: int) -> None:
        self.columns = padded_columns(machine.size)
        self.pe_registers = np.zeros((machine.rows, REGISTERS, self.columns), np.int32)
        self.sum_registers = np.zeros((REGIONS, self.columns), np.int32)
        self.features = np.zeros((instructions, len(FEATURES)), np.int64)
        self._kept: dict[int, tuple[Records, NDArray[np.int16]]] = {}
        """What calls point at, by pc."""

    @property
    def registers(self) -> tuple[NDArray[np.int32], ...]:
        """What is zero when a run begins."""
        return self.pe_registers, self.sum_registers

    def clear(self) -> None:
        """Clear the registers."""
        for memory in self.registers:
            memory.fill(0)

    def add(self, pc: int, state: State, operands: Records, i: int) -> Call:
        """Count MAC number `i` of `operands`, which stands at `pc` and is yet to run on `state`.

        Return the call that did: it counts again with the weights that WGT holds now.
        """
        o = operands[i]
        tiles, table = int(o["ob"] * o["cb"] * o["kh"] * o["kw"]), digit_table(o)
        weights = np.zeros((tiles, o["array_rows"], table.shape[1], self.columns), np.int16)
        decode(state.wgt, operands, i, table, weights)
        columns: dict[str, Any] = {name: o[name] for name in mac.OPERANDS.names or ()}
        described = records(COUNTED, columns | {
            "weights": weights.ctypes.data, "features": self.features[pc:].ctypes.data,
            "pe_registers": self.pe_registers.ctypes.data,
            "sum_registers": self.sum_registers.ctypes.data,
            "act_words": len(state.act),
        }, 1)  # fmt: skip
        self._kept[pc] = described, weights
        call = (count().address, state.act.ctypes.data, 0, described.ctypes.data, 0, 0)
        make_calls(np.array([call], np.int64))
        return call
