"""The static checker: what it accepts cannot deadlock, race, fault or read what nobody wrote.

Proved for every timing: token order (order.py), operands and addresses (legal.py), no bank and no
DRAM byte used by two engines without a token between them, every scratchpad word written before it
is read. Each error names the instruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import CapacityError, FormatError
from npusim.isa.access import (
    VEC_LEVELS,
    RegisterFile,
    Registers,
    Segments,
    accesses,
    is_plain,
    mac_results,
    segments,
    vector_nest,
)
from npusim.isa.assembly import line
from npusim.isa.encoding import Instruction
from npusim.isa.legal import address_fault, bank_words, banks_of, operand_fault, word_beats
from npusim.isa.order import Order, order
from npusim.isa.spec import QUEUED_ENGINES, TARGETS, VEC_OPS
from npusim.machines import Machine
from npusim.words import WEIGHT_FORMATS

_BANK_BASE = {"ACT": 0, "WGT": 8, "PAR": 16}
_PWLQ = WEIGHT_FORMATS.index("pwlq")
_TABLE_ENTRIES = 256
"""One for each byte."""
_ROWS_MOST = 1 << 22
"""Rows of one LD or ST whose places in DRAM are compared with others', one by one."""
_LOOKUP, _TABLE = VEC_OPS.index("lookup"), VEC_OPS.index("table")


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
    files = RegisterFile()
    masks = np.zeros(len(program), np.int64)
    written = {
        pad: np.zeros(bank_words(machine, pad) * banks_of(machine, pad), np.bool_)
        for pad in ("ACT", "WGT", "PAR", "ACC")
    }
    moves: list[Segments | None] = [None] * len(program)
    three_regions = np.zeros(machine.scratchpads.acc_words, np.bool_)
    entries = 0  # of the table, always from the first on
    for pc in relation.sequence:
        item = program[pc]
        if item.name == "CFG":
            files.configure(item)
        if item.name in ("CFG", "FENCE", "HALT"):
            continue
        registers = files.of(item.engine)
        wrong = operand_fault(item, registers, machine)
        if wrong:
            raise FormatError(f"{_at(pc, item)}: {wrong}")
        for access in accesses(item, registers):
            wrong = address_fault(access, machine)
            if wrong:
                raise CapacityError(f"{_at(pc, item)}: {wrong}")
            memory = written[access.scratchpad]
            if access.is_write:
                memory[access.addresses] = True
                if access.scratchpad == "ACC":
                    three_regions[access.addresses] = _is_pwlq_mac(item, registers)
            elif access.scratchpad == "ACC" and _reads_all_regions(item, registers):
                memory = three_regions
            if not memory[access.addresses].all():
                fresh = access.addresses[~memory[access.addresses]][0]
                raise FormatError(
                    f"{_at(pc, item)}: reads {access.scratchpad} word {fresh}, never written"
                )
        if _meets_again(item, registers):
            raise FormatError(f"{_at(pc, item)}: accumulates twice in a word, too soon to see it")
        if item.name == "VEC" and item["op"] == _TABLE:
            words = prod(registers[level]["count"] for level in VEC_LEVELS)
            entries = max(entries, words * machine.size)
        if item.name == "VEC" and item["op"] == _LOOKUP and entries < _TABLE_ENTRIES:
            raise FormatError(
                f"{_at(pc, item)}: looks up in a table of {_TABLE_ENTRIES} entries, of which "
                f"{entries} were loaded"
            )
        masks[pc] = _bank_mask(item)
        rows = _rows(item)
        if rows > _ROWS_MOST:
            raise CapacityError(
                f"{_at(pc, item)}: expected at most {_ROWS_MOST:,} rows in all blocks, "
                f"found {rows:,}"
            )
        beats = word_beats(machine, TARGETS[item["target"]]) if item.name == "LD" else 0
        moves[pc] = segments(item, registers, beats)
        _check_region(pc, item, moves[pc], machine, region_bytes)
    _check_banks(program, relation, masks)
    _check_dram(program, relation, moves)
    return relation


def _at(pc: int, item: Instruction) -> str:
    return f"pc {pc} ({line(item)})"


def _rows(item: Instruction) -> int:
    """Return the rows of a LD or ST that lie apart in DRAM."""
    if item.name not in ("LD", "ST") or (item.name == "LD" and is_plain(item)):
        return 0
    return item["blocks"] * item["rows"]


def _is_pwlq_mac(item: Instruction, registers: Registers) -> bool:
    return item.name == "MAC" and registers["mac_format"]["format"] == _PWLQ


def _reads_all_regions(item: Instruction, registers: Registers) -> bool:
    """Return whether an accumulator that `item` reads must hold A1, A2 and S."""
    return _is_pwlq_mac(item, registers) or (item.name == "RQ" and bool(item["pwlq"]))


def _meets_again(item: Instruction, registers: Registers) -> bool:
    """Return whether an accumulator word is read while its write may still be on its way."""
    if item.name not in ("MAC", "VEC") or not item["accumulate"]:
        return False
    if item.name == "MAC":
        stride = abs(registers["mac_output"]["acc_stride"])
        return registers["mac_ob"]["count"] > 1 and 0 < stride < mac_results(item, registers)
    if VEC_OPS[item["op"]] != "sum":
        return False
    sums = vector_nest(item["acc"], registers, VEC_LEVELS[:3], "acc")
    return len(np.unique(sums)) < prod(registers[level]["count"] for level in VEC_LEVELS[:3])


def _check_end(program: Sequence[Instruction]) -> None:
    if not program or program[-1].name != "HALT":
        found = _at(len(program) - 1, program[-1]) if program else "nothing"
        raise FormatError(f"program: expected HALT at the end, found {found}")
    for pc, item in enumerate(program[:-1]):
        if item.name == "HALT":
            raise FormatError(f"{_at(pc, item)}: HALT before the end, at {len(program) - 1}")


def _bank_mask(item: Instruction) -> int:
    if item.name == "LD":
        return item["banks"] << _BANK_BASE[TARGETS[item["target"]]]
    if item.name == "ST":
        return item["banks"]
    mask = item["read_banks"]
    if item.name == "MAC":
        return mask | item["wgt_banks"] << _BANK_BASE["WGT"]
    mask |= item["write_banks"]
    return mask | item["par_banks"] << _BANK_BASE["PAR"] if item.name == "RQ" else mask


def _check_region(
    pc: int,
    item: Instruction,
    move: Segments | None,
    machine: Machine,
    region_bytes: Sequence[int] | None,
) -> None:
    if move is None or region_bytes is None:
        return
    limit = region_bytes[move.region] if move.region < len(region_bytes) else 0
    low = int(move.starts.min()) * machine.bus.bus_bytes
    high = (int(move.starts.max()) + move.beats) * machine.bus.bus_bytes
    if low < 0 or high > limit:
        raise CapacityError(
            f"{_at(pc, item)}: bytes {low}..{high - 1} of region {move.region}, "
            f"which has {limit} bytes"
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
    program: Sequence[Instruction], relation: Order, moves: Sequence[Segments | None]
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


def _overlap(a: Segments, b: Segments) -> bool:
    if a.starts.max() + a.beats <= b.starts.min() or b.starts.max() + b.beats <= a.starts.min():
        return False
    starts = np.sort(b.starts)  # two segments meet where one starts inside the other
    first = np.searchsorted(starts, a.starts - b.beats, side="right")
    return bool((first < np.searchsorted(starts, a.starts + a.beats, side="left")).any())
