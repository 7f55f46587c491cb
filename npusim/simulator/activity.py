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

import numpy as np
from numpy.typing import NDArray

from npusim.codes import REGIONS
from npusim.datapath.jit import kernel, scalar
from npusim.datapath.mac_uniform import XE_BOUNDS
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Records
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.plain import mac

FEATURES = ("operands", "multipliers", "products", "sums")
XE_BITS = XE_BOUNDS[1].bit_length() + 1
WEIGHT_DIGITS = 5
"""Booth digits of the widest weight: pwlq's 9 bits with their sign."""


@scalar
def bit_count(value: int) -> int:
    """Return how many of the low 32 bits are 1."""
    value = value - ((value >> 1) & 0x55555555)
    value = (value & 0x33333333) + ((value >> 2) & 0x33333333)
    value = (value + (value >> 4)) & 0x0F0F0F0F
    return ((value * 0x01010101) & 0xFFFFFFFF) >> 24


@scalar
def changed_bits(before: int, after: int, bits: int) -> int:
    """Return in how many of the low `bits` (at most 32) two numbers differ."""
    return bit_count((before ^ after) & ((1 << bits) - 1))


@scalar
def booth_digits(weight: int) -> int:
    """Return the non-zero radix-4 Booth digits of a weight: rows of a multiplier that are not 0."""
    count, doubled = 0, weight * 2
    for index in range(WEIGHT_DIGITS):
        digit = (doubled >> (2 * index)) & 7
        if digit != 0 and digit != 7:
            count += 1
    return count


@kernel
def column_activity(
    planes: NDArray[np.int64],
    xe: NDArray[np.int64],
    product_bits: int,
    sum_bits: int,
    xe_before: NDArray[np.int64],
    products_before: NDArray[np.int64],
    sums_before: NDArray[np.int64],
    features: NDArray[np.int64],
) -> None:
    """Add one word's activity in one column to `features` and move the registers on.

    planes [ROWS REGIONS] is what xe is multiplied by in each region, xe [ROWS]; xe_before,
    products_before [ROWS] and sums_before [REGIONS] are the registers.
    """
    first = second = third = 0
    for row in range(len(xe)):
        value = xe[row]
        weight = planes[row, 0] + planes[row, 1]
        product = weight * value
        change = changed_bits(xe_before[row], value, XE_BITS)
        features[0] += change
        features[1] += change * booth_digits(weight)
        features[2] += changed_bits(products_before[row], product, product_bits)
        xe_before[row], products_before[row] = value, product
        first += planes[row, 0] * value
        second += planes[row, 1] * value
        third += planes[row, 2] * value
    features[3] += changed_bits(sums_before[0], first, sum_bits)
    features[3] += changed_bits(sums_before[1], second, sum_bits)
    features[3] += changed_bits(sums_before[2], third, sum_bits)
    sums_before[0], sums_before[1], sums_before[2] = first, second, third


@kernel
def mac_activity(
    act: NDArray[np.uint8],
    wgt: NDArray[np.uint8],
    operands: Records,
    i: int,
    table: NDArray[np.int16],
    xe_before: NDArray[np.int64],
    products_before: NDArray[np.int64],
    sums_before: NDArray[np.int64],
    features: NDArray[np.int64],
) -> None:
    """Add the activity of MAC number `i` of `operands`; `table` as for plain/mac.multiply.

    act, wgt [words SIZE]; the registers xe_before, products_before [SIZE columns, ROWS rows] and
    sums_before [SIZE columns, REGIONS] move on; features [FEATURES] grow.
    """
    o = operands[i]
    size, product_bits = act.shape[1], o.product_bits
    sum_bits = product_bits
    while 1 << (sum_bits - product_bits) < o.array_rows:
        sum_bits += 1
    planes = np.zeros((size, o.array_rows, REGIONS), np.int64)  # [column row region]
    xe = np.zeros((size, o.array_rows), np.int64)  # [column row]
    passes = np.ndindex(o.ob, o.cb, o.kh, o.kw)
    for tile, (ob, cb, kh, kw) in enumerate(passes):
        mac.load_tile(wgt, tile, o, table, planes)
        base = mac.tile_base(o, ob, cb, kh, kw)
        for y, x in np.ndindex(o.y, o.x):
            mac.shift_in(act, base, y, x, cb, o, xe)
            for column in range(size):
                column_activity(
                    planes[column], xe[column], product_bits, sum_bits, xe_before[column],
                    products_before[column], sums_before[column], features,
                )  # fmt: skip


class Activity:
    """The array's registers between MACs, and what changed in each MAC that ran."""

    def __init__(self, machine: Machine, instructions: int) -> None:
        size = machine.size
        self.xe = np.zeros((size, machine.rows), np.int64)
        self.products = np.zeros((size, machine.rows), np.int64)
        self.sums = np.zeros((size, REGIONS), np.int64)
        self.features = np.zeros((instructions, len(FEATURES)), np.int64)
        """int64 [instructions FEATURES], 0 but for MACs."""

    def add(self, pc: int, state: State, operands: Records, i: int) -> None:
        """Count MAC number `i` of `operands`, which stands at `pc` and is yet to run on `state`."""
        registers = (self.xe, self.products, self.sums, self.features[pc])
        table = mac.weight_table(operands[i])
        mac_activity(state.act, state.wgt, operands, i, table, *registers)
