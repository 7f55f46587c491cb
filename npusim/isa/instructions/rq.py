"""RQ: accumulators and residuals -> 8 bits through the requantizers.

    for b: read the constants of a channel block;  for y, x: read J terms, write a word of ACT

docs/architecture.md, section 2, has the loops and the words of PAR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from npusim.isa import vector_nest
from npusim.isa.fields import ACC_BANKS, Field, Format
from npusim.isa.nest import Column, Nest, saturating_product
from npusim.isa.page import (
    Group,
    Latency,
    Rule,
    built_in,
    counted,
    levels_of,
    no_hazards,
    no_transfer,
    within,
)
from npusim.isa.scratchpads import BANK_BASE
from npusim.isa.spec import PAR_HEADER_WORDS, RQ_DRAIN_CYCLES, TERMS_MAX
from npusim.isa.vector_nest import WORD_LEVELS, walks_read
from npusim.machines import Machine
from npusim.words import EPILOGUES, ROUNDINGS

FORMAT = Format(
    "RQ", 5, ("EP",), "accumulators and residuals -> 8 bits through the requantizers",
    (
        Field("act_terms", 10, 4, "bit j: term j comes from ACT, else from ACC"),
        Field("pwlq", 14, 1, "ACC terms are A1 + n*S and A2"),
        *vector_nest.BASES,
        *vector_nest.BANKS,
        Field("par", 80, 16, "first PAR word"),
        Field("par_banks", 96, 4, "PAR banks read"),
        ACC_BANKS,
    ),
)  # fmt: skip

REGISTERS = vector_nest.REGISTERS

FLOAT32 = EPILOGUES.index("float32")

hazards, transfer = no_hazards, no_transfer


def rules(rq: Group, machine: Machine) -> Iterator[Rule]:
    """Return what legal operands satisfy."""
    yield from counted(rq, (*WORD_LEVELS, "vec_kx"))
    yield within("terms", rq.registers["vec_kx"]["count"], 1, TERMS_MAX)
    yield within(
        "rounding",
        rq.registers["rq_mode"]["rounding"],
        0,
        len(EPILOGUES) - 1 if machine.array.fp32_requantizer else len(ROUNDINGS) - 1,
    )
    if not machine.array.pwlq_bits:
        yield Rule(rq["pwlq"] == 0, "pwlq is not built in")
    yield from vector_nest.bank_rules(rq, machine)
    yield built_in(machine, "PAR", rq["par_banks"])


def _from_act(rq: Group) -> list[Column]:
    """Return for each of TERMS_MAX terms 1 where it comes from ACT, 0 from ACC, -1 from neither."""
    terms = rq.registers["vec_kx"]["count"]
    return [np.where(j < terms, rq["act_terms"] >> j & 1, -1) for j in range(TERMS_MAX)]


def _block_words(rq: Group) -> Column:
    """Return the PAR words of a channel block."""
    return PAR_HEADER_WORDS + rq.registers["vec_kx"]["count"]


def nests(rq: Group, machine: Machine) -> list[Nest]:
    """Return the words of PAR, those of each term, and those that are written."""
    one, registers = np.ones_like(rq.pcs), rq.registers
    constants = saturating_product(registers["vec_b"]["count"], _block_words(rq))
    found = [Nest("PAR", False, rq["par_banks"], rq["par"], ((constants, one),), one == 1)]
    reads, regions = levels_of(rq, WORD_LEVELS), np.where(rq["pwlq"] == 1, 3, 1)
    for j, from_act in enumerate(_from_act(rq)):
        act = rq["act"] + j * registers["vec_kx"]["stride"]
        acc = vector_nest.sums(rq, rq["acc"] + j * registers["vec_kx_out"]["acc"])
        found.append(Nest("ACT", False, rq["read_banks"], act, reads, from_act == 1))
        found.append(replace(acc, applies=from_act == 0, regions=regions))
    return [*found, vector_nest.output(rq)]


def banks(rq: Any) -> Any:
    """Return the banks of ACT, ACC and PAR."""
    return vector_nest.claims(rq) | rq["par_banks"] << BANK_BASE["PAR"]


def cycles(rq: Group, machine: Machine, latency: Latency) -> Column:
    """Return b * (3 + J + y * x * J * lanes) + drain: a word of PAR or a term in each.

    `lanes` share a requantizer: a word's terms come once for each of them.
    """
    blocks, y, x = (rq.registers[name]["count"] for name in WORD_LEVELS)
    terms = saturating_product(y, x) * rq.registers["vec_kx"]["count"]
    terms *= machine.array.lanes_per_requantizer
    return blocks * (_block_words(rq) + terms) + RQ_DRAIN_CYCLES + latency("requantize")


def counts(rq: Group, machine: Machine) -> dict[str, Column]:
    """Return requantizations, their terms, and the words of each scratchpad."""
    terms = rq.registers["vec_kx"]["count"]
    written = vector_nest.words(rq)
    act_terms = sum(from_act == 1 for from_act in _from_act(rq))
    rounding = rq.registers["rq_mode"]["rounding"]
    float32 = (rounding == FLOAT32) & bool(machine.array.fp32_requantizer)
    results = written * machine.size
    merged = (rq["pwlq"] == 1) & (rq["act_terms"] & 1 == 0)  # term 0 reads A1 and S
    read = written * walks_read(terms, machine.array.lanes_per_requantizer)
    return {
        "par_reads": rq.registers["vec_b"]["count"] * _block_words(rq),
        "act_reads": read * act_terms,
        "acc_reads": read * (terms - act_terms + merged),
        "act_writes": written,
        "requantizations": results * ~float32,
        "requantize_terms": results * terms * ~float32,
        "float32_requantizations": results * float32,
        "merges": written * machine.size * merged,
    }
