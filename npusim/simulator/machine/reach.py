"""Which scratchpad words an instruction reaches, and whether the machine allows them.

The words of a loop nest are the bits of one int, so that a nest of any size is walked in a few
rotations. Only instructions whose bounding range is not allowed as a whole get here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from npusim.isa.access import MAC_TILE_LEVELS, VEC_LEVELS, tile_words
from npusim.isa.legal import bank_words, banks_of
from npusim.isa.spec import ADDRESS_SPACE, PAR_HEADER_WORDS, TARGETS, VEC_OPS
from npusim.machines import Machine
from npusim.simulator.machine.columns import Column, Columns, Group, Mask


@dataclass(frozen=True)
class Nest:
    """Words base + sum of index*stride of one scratchpad, for each instruction of a group.

    `applies` says which instructions touch them at all; levels are (count, stride) columns.
    """

    scratchpad: str
    banks: Column
    base: Column
    levels: tuple[tuple[Column, Column], ...]
    applies: Mask

    def bounds(self) -> tuple[Column, Column]:
        """Return the least and the greatest word of each instruction, before the wrap."""
        low, high = self.base.copy(), self.base.copy()
        for count, stride in self.levels:
            extent = (count - 1) * stride
            low += np.minimum(extent, 0)
            high += np.maximum(extent, 0)
        return low, high


def saturating_product(*counts: Any) -> Column:
    """Return the product of counts of up to 16 bits; what passes 2^31 - 1 stays there."""
    product: Column = np.ones_like(counts[0])
    for count in counts:
        product = np.minimum(product * count, (1 << 31) - 1)
    return product


def depthwise_columns(group: Group) -> Column:
    """Return the results that a row of x of each MAC gives."""
    reads, output = group.registers["mac_x"]["count"], group.registers["mac_output"]
    step = np.maximum(output["step"], 1)
    some = np.maximum(0, (reads - output["warm"] + step - 1) // step)
    return np.where(group["depthwise"] == 1, some, reads)


def _levels(group: Group, names: Iterable[str], suffix: str = "", field: str = "stride"):  # type: ignore[no-untyped-def]
    registers = group.registers
    return tuple((registers[n]["count"], registers[n + suffix][field]) for n in names)


def _of_load(group: Group) -> list[Nest]:
    pads, stride = group.registers["pads"], group.registers["act_stride"]
    one = np.ones_like(group.pcs)
    whole = (group["plain"] == 1) | (group["target"] != TARGETS.index("ACT"))
    block = (np.where(whole, one, group["blocks"]), stride["block"])
    row = (np.where(whole, one, pads["top"] + group["rows"] + pads["bottom"]), stride["row"])
    width = np.where(whole, 0, pads["left"] + pads["right"]) + group["columns"]
    return [
        Nest(target, group["banks"], group["address"], (block, row, (width, one)),
             group["target"] == place)
        for place, target in enumerate(TARGETS)
    ]  # fmt: skip


def _of_store(group: Group) -> list[Nest]:
    stride, one = group.registers["act_stride"], np.ones_like(group.pcs)
    levels = (
        (group["blocks"], stride["block"]), (group["rows"], stride["row"]), (group["columns"], one)
    )  # fmt: skip
    return [Nest("ACT", group["banks"], group["address"], levels, one == 1)]


def _of_mac(group: Group) -> list[Nest]:
    one, registers = np.ones_like(group.pcs), group.registers
    reads = _levels(group, (*MAC_TILE_LEVELS, "mac_y", "mac_x"))
    words: Any = tile_words(cast(Any, registers))
    weights = saturating_product(mac_tiles(group), words)
    results = saturating_product(depthwise_columns(group), registers["mac_y"]["count"])
    blocks = (registers["mac_ob"]["count"], registers["mac_output"]["acc_stride"])
    return [
        Nest("ACT", group["read_banks"], group["act"], reads, one == 1),
        Nest("WGT", group["wgt_banks"], group["wgt"], ((weights, one),), one == 1),
        Nest("ACC", one, group["acc"], (blocks, (results, one)), results > 0),
    ]


def _of_rq(group: Group) -> list[Nest]:
    one, registers, names = np.ones_like(group.pcs), group.registers, VEC_LEVELS[:3]
    terms = registers["vec_kx"]["count"]
    words = saturating_product(registers["vec_b"]["count"], PAR_HEADER_WORDS + terms)
    nests = [
        Nest("PAR", group["par_banks"], group["par"], ((words, one),), one == 1),
        Nest("ACT", group["write_banks"], group["out"], _levels(group, names, "_out", "out"),
             one == 1),
    ]  # fmt: skip
    for term in range(4):
        is_act = (group["act_terms"] >> term & 1) == 1
        step = registers["vec_kx"]["stride"], registers["vec_kx_out"]["acc"]
        nests.append(
            Nest("ACT", group["read_banks"], group["act"] + term * step[0], _levels(group, names),
                 is_act & (term < terms))
        )  # fmt: skip
        nests.append(
            Nest("ACC", one, group["acc"] + term * step[1], _levels(group, names, "_out", "acc"),
                 ~is_act & (term < terms))
        )  # fmt: skip
    return nests


def _of_vec(group: Group) -> list[Nest]:
    one, op, names = np.ones_like(group.pcs), group["op"], VEC_LEVELS[:3]
    sums, tables = op == VEC_OPS.index("sum"), op == VEC_OPS.index("table")
    return [
        Nest("ACT", group["read_banks"], group["act"], _levels(group, VEC_LEVELS), one == 1),
        Nest("ACC", one, group["acc"], _levels(group, names, "_out", "acc"), sums),
        Nest("ACT", group["write_banks"], group["out"], _levels(group, names, "_out", "out"),
             ~sums & ~tables),
    ]  # fmt: skip


_NESTS = {"LD": _of_load, "ST": _of_store, "MAC": _of_mac, "RQ": _of_rq, "VEC": _of_vec}


def nests(group: Group, name: str) -> list[Nest]:
    """Return what the instructions `name` of a program read and write in the scratchpads."""
    return _NESTS[name](group)


def address_faults(columns: Columns, machine: Machine, legal: Mapping[str, Mask]) -> Mask:
    """Return a mask [instructions]: which access a word outside their banks or the scratchpad.

    `legal`: for each name, which of its instructions have legal operands (only those are asked).
    """
    faults = np.zeros(columns.count, np.bool_)
    for name in _NESTS:
        group = columns.groups[name]
        if not group.pcs.size:
            continue
        for nest in nests(group, name):
            faults[group.pcs] |= _outside(nest, machine, nest.applies & legal[name])
    return faults


def _outside(nest: Nest, machine: Machine, asked: Mask) -> Mask:
    words = bank_words(machine, nest.scratchpad)
    low, high = nest.bounds()
    total = words * banks_of(machine, nest.scratchpad)
    inside = (low >= 0) & (high < total)
    first, last = np.where(inside, low // words, 0), np.where(inside, high // words, 0)
    touched = (2 << last) - (1 << first)
    covered = inside & (touched & ~nest.banks == 0)
    result = np.zeros(len(low), np.bool_)
    for i in np.flatnonzero(asked & ~covered):
        levels = [(int(count[i]), int(stride[i])) for count, stride in nest.levels]
        reached = reach(int(nest.base[i]), levels)
        result[i] = bool(reached & ~_allowed(int(nest.banks[i]), machine, nest.scratchpad))
    return result


def _allowed(banks: int, machine: Machine, scratchpad: str) -> int:
    words = bank_words(machine, scratchpad)
    ones = (1 << words) - 1
    return sum(
        ones << bank * words for bank in range(banks_of(machine, scratchpad)) if banks >> bank & 1
    )


def reach(base: int, levels: Iterable[tuple[int, int]]) -> int:
    """Return an int whose bit a is 1 where base + sum of index*stride is a modulo 2^16."""
    words = 1 << base % ADDRESS_SPACE
    for count, stride in levels:
        have = 1
        while have < count:  # the first `have` iterations, and the same moved by `step` of them
            step = min(have, count - have)
            words |= _rotate(words, step * stride)
            have += step
    return words


def _rotate(words: int, distance: int) -> int:
    distance %= ADDRESS_SPACE
    moved = words << distance
    return (moved | moved >> ADDRESS_SPACE) & ((1 << ADDRESS_SPACE) - 1)


def mac_tiles(group: Group) -> Column:
    """Return T of each MAC, saturating at 2^31 - 1."""
    return saturating_product(*(group.registers[n]["count"] for n in MAC_TILE_LEVELS))
