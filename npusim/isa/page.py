"""What is true of an instruction stands on its page (instructions/), as functions over columns.

A group is all instructions of one name in a program: each field and each register is a column with
one value for each of them. A single instruction is a group of one. Checker, assembler, compiler,
simulator and the analyses read the pages; none states again what stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from npusim.isa.fields import Format, Register
from npusim.isa.nest import Column, Mask, Nest
from npusim.isa.scratchpads import banks_of
from npusim.machines import Machine

Registers = Mapping[str, Mapping[str, int]]
"""The fields of an engine's registers, as one instruction sees them."""
Latency = Callable[[str], int]
"""Cycles of a datapath unit, by its page's name: the instruction set does not see the datapath."""


@dataclass(frozen=True, eq=False)
class Group:
    """All instructions of one name: `group["field"]` is a column, as `item["field"]` is an int.

    Attributes
    ----------
    pcs
        int64 [instructions of this name], ascending.
    values
        Each field of the instruction, [instructions of this name].
    registers
        Each field of each register of the page as the instruction sees it.
    """

    pcs: Column
    values: Mapping[str, Column]
    registers: Mapping[str, Mapping[str, Column]]

    def __getitem__(self, field: str) -> Column:
        return self.values[field]


class Transfer(NamedTuple):
    """The DRAM side of a LD or ST: rows of elements, and what is written around them.

    `offset`, `row_stride` and `block_stride` are beats, the others counts; a column each.
    """

    region: Any
    offset: Any
    blocks: Any
    rows: Any
    columns: Any
    element_beats: Any
    row_stride: Any
    block_stride: Any
    top: Any
    bottom: Any
    left: Any
    right: Any


@dataclass(frozen=True, eq=False)
class Rule:
    """What operands must satisfy: `holds` says for which instructions of a group they do.

    `text` says what is wrong where they do not, with an instruction's `values` in its braces.
    """

    holds: Mask
    text: str
    values: tuple[Column, ...] = ()

    def broken(self, i: int) -> str:
        """Return what is wrong with instruction `i` of the group."""
        return self.text.format(*(int(column[i]) for column in self.values))


class Page(Protocol):
    """The parts of an instruction's page."""

    @property
    def FORMAT(self) -> Format:
        """Name, opcode, engines, meaning, fields."""

    @property
    def REGISTERS(self) -> tuple[Register, ...]:
        """Configuration registers of its engine that it reads."""

    def rules(self, group: Group, machine: Machine, /) -> Iterable[Rule]:
        """Return what legal operands satisfy; else the fault `operand`. The first broken counts."""

    def hazards(self, group: Group, /) -> Iterable[Rule]:
        """Return what the hardware does not refuse, but has no defined result where broken."""

    def nests(self, group: Group, machine: Machine, /) -> list[Nest]:
        """Return what is touched in the scratchpads: reads first, each in the order of access."""

    def transfer(self, group: Group, machine: Machine, /) -> Transfer | None:
        """Return what moves between DRAM and a scratchpad."""

    def banks(self, group: Any, /) -> Any:
        """Return the banks claimed, of all scratchpads (scratchpads.BANK_BASE).

        A mapping of fields to ints serves as well as a group.
        """

    def cycles(self, group: Group, machine: Machine, latency: Latency, /) -> Column:
        """Return the cycles from issue to retirement; 0 where they depend on others."""

    def counts(self, group: Group, machine: Machine, /) -> dict[str, Column]:
        """Return how often each part of the machine does its work (simulator/counts.py)."""


def no_rules(group: Group, machine: Machine) -> Iterable[Rule]:
    """Return no rule: every operand has a meaning."""
    return ()


def no_hazards(group: Group) -> Iterable[Rule]:
    """Return no hazard: what is legal is defined."""
    return ()


def no_nests(group: Group, machine: Machine) -> list[Nest]:
    """Return no nest: no scratchpad is touched."""
    return []


def no_transfer(group: Group, machine: Machine) -> None:
    """Return nothing: DRAM is not touched."""


def no_banks(group: Any) -> int:
    """Return no bank."""
    return 0


def no_counts(group: Group, machine: Machine) -> dict[str, Column]:
    """Return no count: only FETCH works."""
    return {}


def as_the_port_lets(group: Group, machine: Machine, latency: Latency) -> Column:
    """Return 0: the memory port decides (docs/architecture.md, section 5)."""
    return np.zeros_like(group.pcs)


def as_the_engines_end(group: Group, machine: Machine, latency: Latency) -> Column:
    """Return 0: FETCH waits until every engine is idle."""
    return np.zeros_like(group.pcs)


def within(what: str, value: Column, low: int, high: int) -> Rule:
    """Return the rule that `value` is low..high."""
    text = f"{what}: expected {low}..{high}, found {{}}"
    return Rule((value >= low) & (value <= high), text, (value,))


def counted(group: Group, levels: Iterable[str]) -> Iterator[Rule]:
    """Return the rules that no loop level has a count of 0."""
    for level in levels:
        yield Rule(group.registers[level]["count"] > 0, f"{level}.count is 0")


def built_in(machine: Machine, scratchpad: str, mask: Column) -> Rule:
    """Return the rule that `mask` names only banks that the scratchpad has."""
    count = banks_of(machine, scratchpad)
    text = f"{scratchpad} has {count} banks, the mask is {{:#x}}"
    return Rule(mask >> count == 0, text, (mask,))


def levels_of(
    group: Group, names: Iterable[str], suffix: str = "", stride: str = "stride"
) -> tuple[tuple[Column, Column], ...]:
    """Return (count, stride) of loop levels; `stride`: which field of register name + suffix."""
    registers = group.registers
    return tuple((registers[name]["count"], registers[name + suffix][stride]) for name in names)
