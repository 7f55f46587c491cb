"""The static checker: what it accepts cannot deadlock, race, fault or read what nobody wrote.

Proved for every timing: token order (order.py), operands and addresses (as the instructions' pages
say), no bank and no DRAM byte used by two engines without a token between them, every scratchpad
word written before it is read. Each error names the instruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import CapacityError, FormatError
from npusim.isa.assembly import line
from npusim.isa.columns import columns_of
from npusim.isa.encoding import Instruction, encode_program
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Nest, words_of
from npusim.isa.order import Order, order
from npusim.isa.page import Group, Rule, Transfer
from npusim.isa.scratchpads import SCRATCHPADS, bank_words, pad_words
from npusim.isa.spec import QUEUED_ENGINES, VEC_OPS
from npusim.isa.vector_nest import LEVELS
from npusim.machines import Machine

_TABLE_ENTRIES = 256
"""One for each byte."""
_ROWS_MOST = 1 << 22
"""Rows of one LD or ST whose places in DRAM are compared with others', one by one."""


@dataclass(frozen=True, eq=False)
class _Kind:
    """All instructions of one name, with what their page says of them."""

    group: Group
    rules: list[Rule]
    hazards: list[Rule]
    nests: list[tuple[Nest, NDArray[np.int64], NDArray[np.int64]]]
    """Each with its least and greatest words."""
    transfer: Transfer | None

    @classmethod
    def of(cls, name: str, group: Group, machine: Machine) -> _Kind:
        page = PAGES[name]
        nests = [(nest, *nest.bounds()) for nest in page.nests(group, machine)]
        rules, hazards = list(page.rules(group, machine)), list(page.hazards(group))
        return cls(group, rules, hazards, nests, page.transfer(group, machine))


@dataclass(frozen=True, eq=False)
class _Segments:
    """DRAM beats `starts[i] .. starts[i] + beats - 1` from the base of `region`."""

    region: int
    starts: NDArray[np.int64]
    beats: int


def check(
    program: Sequence[Instruction], machine: Machine, region_bytes: Sequence[int] | None = None
) -> Order:
    """Prove `program` safe on `machine`; return its happens-before relation.

    Parameters
    ----------
    program
        One run: instructions up to and with HALT.
    region_bytes
        Sizes of the DRAM regions; None leaves DRAM bounds unchecked.

    Raises
    ------
    FormatError
        Tokens, operands, races, uninitialized reads, a missing HALT.
    CapacityError
        An address outside a scratchpad, its claimed banks, or a DRAM region.
    """
    _check_end(program)
    relation = order(program)
    groups = columns_of(encode_program(program)).groups
    kinds = {name: _Kind.of(name, group, machine) for name, group in groups.items()}
    masks = np.zeros(len(program), np.int64)
    place = np.zeros(len(program), np.int64)
    for name, group in groups.items():
        masks[group.pcs] = PAGES[name].banks(group)
        place[group.pcs] = np.arange(len(group.pcs))
    words = WrittenWords(machine)
    moves: list[_Segments | None] = [None] * len(program)
    for pc in relation.sequence:
        kind, i = kinds[program[pc].name], int(place[pc])
        try:
            _check_rules(kind.rules, i)
            for nest, low, high in kind.nests:
                if nest.applies[i]:
                    words.touch(nest, i, int(low[i]), int(high[i]))
            _check_rules(kind.hazards, i)
            if program[pc].name == "VEC":
                words.check_table(kind.group, i)
            if kind.transfer is not None:
                moves[pc] = move = _segments(kind.transfer, i)
                _check_region(move, machine, region_bytes)
        except (FormatError, CapacityError) as error:
            raise type(error)(f"{_at(pc, program[pc])}: {error}") from None
    _check_banks(program, relation, masks)
    _check_dram(program, relation, moves)
    return relation


def _at(pc: int, item: Instruction) -> str:
    return f"pc {pc} ({line(item)})"


def _check_rules(rules: Sequence[Rule], i: int) -> None:
    for rule in rules:
        if not rule.holds[i]:
            raise FormatError(rule.broken(i))


class WrittenWords:
    """The words of the scratchpads that were written so far, and the entries of the table."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.written = {pad: np.zeros(pad_words(machine, pad), np.bool_) for pad in SCRATCHPADS}
        self.all_regions = np.zeros(pad_words(machine, "ACC"), np.bool_)
        self.entries = 0  # of the table, always from the first on

    def touch(self, nest: Nest, i: int, low: int, high: int) -> None:
        """Check and note the access of one instruction, whose words lie in low..high.

        Raises
        ------
        CapacityError
            A word lies outside the scratchpad, or the banks that the instruction claims.
        FormatError
            It reads a word that nobody wrote.
        """
        pad, total = nest.scratchpad, pad_words(self.machine, nest.scratchpad)
        what = f"{pad} {'write' if nest.is_write else 'read'}"
        if low < 0 or high >= total:
            raise CapacityError(f"{what} of words {low}..{high}, there are {total}")
        touched, size, claimed = nest.touched(i), bank_words(self.machine, pad), int(nest.banks[i])
        used = sum(1 << bank for bank in set((touched // size).tolist()))
        if used & ~claimed:
            raise CapacityError(f"{what} in banks {used:#x}, the instruction claims {claimed:#x}")
        several = nest.regions_of(i) > 1
        if nest.is_write:
            self.written[pad][touched] = True
            if pad == "ACC":
                self.all_regions[touched] = several
            return
        held = (self.all_regions if several else self.written[pad])[touched]
        if not held.all():
            raise FormatError(f"reads {pad} word {touched[~held][0]}, never written")

    def check_table(self, vec: Group, i: int) -> None:
        """Note the entries that a VEC loads; check that all are there where one is looked up."""
        op = VEC_OPS[vec["op"][i]]
        if op == "table":
            words = prod(int(vec.registers[level]["count"][i]) for level in LEVELS)
            self.entries = max(self.entries, words * self.machine.size)
        if op == "lookup" and self.entries < _TABLE_ENTRIES:
            raise FormatError(
                f"looks up in a table of {_TABLE_ENTRIES} entries, of which {self.entries} "
                f"were loaded"
            )


def _segments(transfer: Transfer, i: int) -> _Segments:
    """Return the rows of one LD or ST as they lie in DRAM."""
    move = Transfer(*(int(column[i]) for column in transfer))
    rows = move.blocks * move.rows
    if rows > _ROWS_MOST:
        raise CapacityError(f"expected at most {_ROWS_MOST:,} rows in all blocks, found {rows:,}")
    levels = ((move.blocks, move.block_stride), (move.rows, move.row_stride))
    return _Segments(move.region, words_of(move.offset, levels), move.columns * move.element_beats)


def _check_end(program: Sequence[Instruction]) -> None:
    if not program or program[-1].name != "HALT":
        found = _at(len(program) - 1, program[-1]) if program else "nothing"
        raise FormatError(f"program: expected HALT at the end, found {found}")
    for pc, item in enumerate(program[:-1]):
        if item.name == "HALT":
            raise FormatError(f"{_at(pc, item)}: HALT before the end, at {len(program) - 1}")


def _check_region(move: _Segments, machine: Machine, region_bytes: Sequence[int] | None) -> None:
    if region_bytes is None:
        return
    limit = region_bytes[move.region] if move.region < len(region_bytes) else 0
    low = int(move.starts.min()) * machine.bus.bus_bytes
    high = (int(move.starts.max()) + move.beats) * machine.bus.bus_bytes
    if low < 0 or high > limit:
        raise CapacityError(
            f"bytes {low}..{high - 1} of region {move.region}, which has {limit} bytes"
        )


def _check_banks(program: Sequence[Instruction], relation: Order, masks: NDArray[np.int64]) -> None:
    for one, engine in enumerate(QUEUED_ENGINES):
        for other in QUEUED_ENGINES[one + 1 :]:
            for pc in relation.members[engine]:
                if not masks[pc]:
                    continue
                window = relation.concurrent(int(pc), engine, other)
                clash = window[(masks[window] & masks[pc]) != 0]
                if clash.size:
                    raise FormatError(
                        f"{_at(int(pc), program[pc])} and {_at(int(clash[0]), program[clash[0]])} "
                        f"may use one bank at the same time: no token orders them"
                    )


def _check_dram(
    program: Sequence[Instruction], relation: Order, moves: Sequence[_Segments | None]
) -> None:
    for pc in relation.members["ST"]:
        store = moves[pc]
        if store is None:
            continue
        for other in relation.concurrent(int(pc), "ST", "LD"):
            load = moves[other]
            if load is not None and load.region == store.region and _overlap(load, store):
                raise FormatError(
                    f"{_at(int(pc), program[pc])} and {_at(int(other), program[other])} use the "
                    f"same bytes of region {store.region}: no token orders them"
                )


def _overlap(a: _Segments, b: _Segments) -> bool:
    if a.starts.max() + a.beats <= b.starts.min() or b.starts.max() + b.beats <= a.starts.min():
        return False
    starts = np.sort(b.starts)  # two segments meet where one starts inside the other
    first = np.searchsorted(starts, a.starts - b.beats, side="right")
    return bool((first < np.searchsorted(starts, a.starts + a.beats, side="left")).any())
