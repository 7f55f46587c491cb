"""Durations of the instructions that touch no DRAM.

Closed forms are on the instructions' pages, latencies of units on the datapath's pages; the two do
not see each other.
"""

from __future__ import annotations

import numpy as np

from npusim.datapath import (
    add,
    lookup,
    pe_column,
    pool,
    requantize,
    subtract_zero_point,
    weight_decode,
)
from npusim.isa.columns import Columns
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Column
from npusim.isa.spec import TERMS_MAX
from npusim.machines import Machine

_UNITS = {
    "add": add.UNIT,
    "lookup": lookup.UNIT,
    "pe_column": pe_column.UNIT,
    "pool": pool.UNIT,
    "requantize": requantize.UNIT,
    "subtract_zero_point": subtract_zero_point.UNIT,
    "weight_decode": weight_decode.UNIT,
}


def datapath_parameters(machine: Machine) -> dict[str, int]:
    """Return the build parameters of the datapath's units on `machine`."""
    return {**machine.parameters, "MAX_TERMS": TERMS_MAX}


def durations(columns: Columns, machine: Machine) -> Column:
    """Return the cycles from issue to retirement [instructions]; 0 for LD, ST, FENCE and HALT."""
    parameters = datapath_parameters(machine)
    result = np.zeros(columns.count, np.int64)
    for name, group in columns.groups.items():
        cycles = PAGES[name].cycles(group, machine, lambda unit: _UNITS[unit].latency(parameters))
        result[group.pcs] = cycles
    return result
