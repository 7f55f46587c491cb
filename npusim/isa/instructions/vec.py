"""VEC: elementwise and window operations on whole words.

    for b, y, x:  for ky, kx: read a word of ACT and fold it;  then write a word

docs/architecture.md, section 2, has what each operation folds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from npusim.isa import vector_nest
from npusim.isa.fields import ACC_BANKS, Field, Format, Register, number
from npusim.isa.nest import Column, Nest, reached, saturating_product
from npusim.isa.page import Group, Latency, Rule, counted, levels_of, no_transfer
from npusim.isa.spec import VEC_DRAIN_CYCLES, VEC_OPS
from npusim.isa.vector_nest import LEVELS, walks_read
from npusim.machines import Machine

FORMAT = Format(
    "VEC", 6, ("EP",), "elementwise and window operations",
    (
        Field("op", 10, 3, "what is folded over the window", names=VEC_OPS),
        Field("accumulate", 13, 1, "sum: add to ACC"),
        Field("subtract", 14, 1, "add, multiply: the second operand is taken off"),
        *vector_nest.BASES,
        *vector_nest.BANKS,
        ACC_BANKS,
    ),
)  # fmt: skip
REGISTERS = (
    *vector_nest.REGISTERS,
    *(Register(
        f"add_multiplier{i}", 12 + i, f"VEC add, multiply: M of {what}", number("the low 31 bits")
      ) for i, what in enumerate(("operand 0", "operand 1", "the output"))),
    Register(
        "add_shift", 15, "VEC add, multiply: right shifts",
        tuple(Field(f"shift{i}", 8 * i, 7, "the low 6 bits") for i in range(3)),
    ),
    Register(
        "add_zero_point", 16, "VEC add, multiply: zero points of the operands",
        tuple(
            Field(f"zero_point{i}", 16 * i, 9, "subtracted, modulo 2^9", signed=True)
            for i in range(2)
        ),
    ),
)  # fmt: skip

PAIRS = ("add", "multiply")
"""Operations on two operands, which are the two taps of a window."""
VECTOR = tuple(f"vector_{name}" for name in VEC_OPS)
"""Counts of taps by operation."""
_UNITS: dict[str, tuple[str, ...]] = {
    "copy": (), "table": (), "max": ("pool",), "min": ("pool",), "sum": ("pool",),
    "lookup": ("lookup",), "add": ("add", "requantize"), "multiply": ("add", "requantize"),
}  # fmt: skip
"""The datapath's units that a tap passes through, one after the other."""

transfer, banks = no_transfer, vector_nest.claims


def _is(vec: Group, op: str) -> Any:
    return vec["op"] == VEC_OPS.index(op)


def _taps(vec: Group) -> Column:
    """Return the taps of a window."""
    return vec.registers["vec_ky"]["count"] * vec.registers["vec_kx"]["count"]


def _lanes(vec: Group, machine: Machine) -> Column:
    """Return how many lanes share the operation's unit."""
    array = machine.array
    shared = dict.fromkeys(PAIRS, array.lanes_per_requantizer) | {"lookup": array.lanes_per_lookup}
    return np.array([shared.get(op, 1) for op in VEC_OPS], np.int64)[vec["op"]]


def rules(vec: Group, machine: Machine) -> Iterator[Rule]:
    """Return what legal operands satisfy."""
    taps = _taps(vec)
    yield from counted(vec, LEVELS)
    for op in PAIRS:
        yield Rule((taps == 2) | ~_is(vec, op), f"{op}: expected 2 taps, found {{}}", (taps,))
    yield from vector_nest.bank_rules(vec, machine)


def hazards(vec: Group) -> Iterator[Rule]:
    """Return that no sum that accumulates meets a word twice."""
    holds = np.ones(len(vec.pcs), np.bool_)
    nest = vector_nest.sums(vec, vec["acc"])
    for i in np.flatnonzero(_is(vec, "sum") & (vec["accumulate"] == 1)):
        base, levels = nest.of(i)
        holds[i] = reached(base, levels).bit_count() == prod(count for count, _ in levels)
    yield Rule(holds, "accumulates twice in a word, too soon to see it")


def nests(vec: Group, machine: Machine) -> list[Nest]:
    """Return the taps; then sums that are added to and written, or words that are written."""
    one, is_sum = np.ones_like(vec.pcs), _is(vec, "sum")
    sums, output = vector_nest.sums(vec, vec["acc"]), vector_nest.output(vec)
    return [
        Nest("ACT", False, vec["read_banks"], vec["act"], levels_of(vec, LEVELS), one == 1),
        replace(sums, applies=is_sum & (vec["accumulate"] == 1)),
        replace(sums, applies=is_sum, is_write=True),
        replace(output, applies=~is_sum & ~_is(vec, "table")),
    ]


def cycles(vec: Group, machine: Machine, latency: Latency) -> Column:
    """Return b * y * x * lanes * ky * kx + drain + the latency of the operation's units.

    `lanes` share a unit: a window is walked once for each of them.
    """
    units = [sum(latency(unit) for unit in _UNITS[op]) for op in VEC_OPS]
    of_op = np.array(units, np.int64)
    taps = saturating_product(*(vec.registers[name]["count"] for name in LEVELS))
    return taps * _lanes(vec, machine) + VEC_DRAIN_CYCLES + of_op[vec["op"]]


def counts(vec: Group, machine: Machine) -> dict[str, Column]:
    """Return taps by operation, and the words of each scratchpad."""
    words = vector_nest.words(vec)
    taps = words * _taps(vec)
    is_sum, size, lanes = _is(vec, "sum"), machine.size, _lanes(vec, machine)
    added = words * size * np.logical_or.reduce([_is(vec, op) for op in PAIRS])
    return {
        **{name: taps * size * _is(vec, op) for name, op in zip(VECTOR, VEC_OPS, strict=True)},
        "act_reads": taps * walks_read(_taps(vec), lanes),
        "acc_writes": words * is_sum,
        "acc_reads": words * is_sum * vec["accumulate"],
        "act_writes": words * ~is_sum * ~_is(vec, "table"),
        "requantizations": added,
        "requantize_terms": added,
    }
