"""Durations of the instructions that touch no DRAM, in closed form.

docs/architecture.md, section 4: the control constants stand in npusim/isa/spec.py, the latency of a
unit on its datapath page.
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
from npusim.datapath.contract import Unit
from npusim.isa.access import VEC_LEVELS
from npusim.isa.spec import (
    CFG_CYCLES,
    MAC_DRAIN_CYCLES,
    MAC_LOAD_CYCLES,
    PAR_HEADER_WORDS,
    RQ_DRAIN_CYCLES,
    VEC_DRAIN_CYCLES,
    VEC_OPS,
)
from npusim.machines import Machine
from npusim.simulator.machine.columns import Column, Columns, Group
from npusim.simulator.machine.reach import mac_tiles, saturating_product


def datapath_parameters(machine: Machine) -> dict[str, int]:
    """Return the build parameters of the datapath's units on `machine`."""
    return {
        "ROWS": machine.size,
        "UNIFORM_BITS": machine.uniform_bits,
        "SUBSET": int(machine.has_subset),
        "PWLQ_BITS": machine.array.pwlq_bits,
        "MAX_TERMS": 4,
    }


def latency(unit: Unit, machine: Machine) -> int:
    """Return the latency in cycles of a datapath unit on `machine`."""
    return unit.latency(datapath_parameters(machine))


def load_cycles(group: Group, machine: Machine) -> Column:
    """Return the cycles that each MAC takes for loading a weight tile."""
    rows = group.registers["mac_tile"]["rows"]
    return rows + MAC_LOAD_CYCLES + latency(weight_decode.UNIT, machine)


def mac_reads(group: Group) -> Column:
    """Return P, the ACT words that each pass of a MAC reads."""
    return saturating_product(group.registers["mac_y"]["count"], group.registers["mac_x"]["count"])


def _mac(group: Group, machine: Machine) -> Column:
    load, reads = load_cycles(group, machine), mac_reads(group)
    drain = MAC_DRAIN_CYCLES + latency(subtract_zero_point.UNIT, machine)
    drain += latency(pe_column.UNIT, machine)
    return load + (mac_tiles(group) - 1) * np.maximum(reads, load) + reads + drain


def _rq(group: Group, machine: Machine) -> Column:
    terms = group.registers["vec_kx"]["count"]
    pixels = saturating_product(*(group.registers[n]["count"] for n in ("vec_y", "vec_x")))
    cycles = group.registers["vec_b"]["count"] * (PAR_HEADER_WORDS + terms + pixels * terms)
    return cycles + RQ_DRAIN_CYCLES + latency(requantize.UNIT, machine)


def _vec(group: Group, machine: Machine) -> Column:
    latencies = {
        "copy": 0,
        "table": 0,
        "max": latency(pool.UNIT, machine),
        "sum": latency(pool.UNIT, machine),
        "lookup": latency(lookup.UNIT, machine),
        "add": latency(add.UNIT, machine) + latency(requantize.UNIT, machine),
    }
    of_op = np.array([*(latencies[op] for op in VEC_OPS), 0, 0], np.int64)  # 6, 7: illegal
    taps = saturating_product(*(group.registers[name]["count"] for name in VEC_LEVELS))
    return taps + VEC_DRAIN_CYCLES + of_op[group["op"]]


def durations(columns: Columns, machine: Machine) -> Column:
    """Return the cycles from issue to retirement [instructions]; 0 for LD, ST, FENCE and HALT."""
    result = np.zeros(columns.count, np.int64)
    result[columns.groups["CFG"].pcs] = CFG_CYCLES
    for name, function in (("MAC", _mac), ("RQ", _rq), ("VEC", _vec)):
        group = columns.groups[name]
        if group.pcs.size:
            result[group.pcs] = function(group, machine)
    return result
