"""Builds legal programs: what is written where, who uses which bank, which tokens that takes.

Whoever appends an instruction names what it touches; the builder adds the tokens that order it
behind other engines' uses of the same banks and DRAM, and the CFGs for registers that differ. Every
signal stands before its wait in the program, so nothing deadlocks.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from npusim.isa.columns import RegisterFile, group_of
from npusim.isa.encoding import Instruction, encode_register, find_register, instruction
from npusim.isa.instructions import PAGES, REGISTERS
from npusim.isa.scratchpads import SCRATCHPADS, bank_words, banks_of, pad_words
from npusim.isa.spec import QUEUED_ENGINES, side_of
from npusim.machines import Machine

Resource = tuple[str, int]
"""(scratchpad, bank), or ("DRAM", region) where both LD and ST use it."""

SPOILING_SHARE = 0.7
"""How often the registers that an instruction does not use are spoiled before it."""


class Frame(NamedTuple):
    """Constants in PAR: of `blocks` channel blocks of `terms` terms, from word `first` on.

    `is_float`: term 0's multipliers are float32 scales.
    """

    first: int
    terms: int
    blocks: int
    is_float: bool


class Builder:
    """A program that grows, with what is known about the machine at its end.

    Attributes
    ----------
    valid
        For each scratchpad uint8 [words]: 0 never written, 1 written, 3 (ACC) in all regions.
    frames
        The constants in PAR that can be used as they lie, the last that came at the end.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.program: list[Instruction] = []
        self.valid = {pad: np.zeros(pad_words(machine, pad), np.uint8) for pad in SCRATCHPADS}
        self.frames: list[Frame] = []
        self.has_table = False
        self._files = RegisterFile()
        self._spoiled: dict[str, set[int]] = {engine: set() for engine in QUEUED_ENGINES}
        self._last = dict.fromkeys(QUEUED_ENGINES, -1)  # pc of each engine's last instruction
        self._count = dict.fromkeys(QUEUED_ENGINES, 0)
        self._known = {engine: dict.fromkeys(QUEUED_ENGINES, 0) for engine in QUEUED_ENGINES}
        self._uses: dict[Resource, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self.program)

    # What can be read

    def runs(self, pad: str, banks: int, level: int = 1) -> list[tuple[int, int]]:
        """Return (first word, words) of the runs of valid words in `banks`; `level` as in valid."""
        words = bank_words(self.machine, pad)
        good = self.valid[pad] >= level
        for bank in range(banks_of(self.machine, pad)):
            if not banks >> bank & 1:
                good[bank * words : (bank + 1) * words] = False
        edges = np.flatnonzero(np.diff(np.concatenate(([0], good.view(np.int8), [0]))))
        return [(int(a), int(b - a)) for a, b in edges.reshape(-1, 2)]

    def banks_of_words(self, pad: str, addresses: NDArray[np.int64]) -> int:
        """Return the banks that hold `addresses`."""
        words = bank_words(self.machine, pad)
        return sum(1 << int(bank) for bank in np.unique(addresses // words))

    # Appending

    def configure(
        self,
        engine: str,
        values: Mapping[str, Mapping[str, int]],
        rng: random.Random,
        *,
        spoils: bool = True,
    ) -> None:
        """Append the CFGs that give registers of `engine` these fields (those not named are 0).

        `spoils`: the other registers, of which what follows takes nothing, get random bits, unless
        they hold some already; a machine that takes them is then seen.
        """
        wanted = {
            find_register(engine, name).index: encode_register(engine, name, **fields)
            for name, fields in values.items()
        }
        words, spoiled = self._files.words[engine], self._spoiled[engine]
        spoiled.difference_update(wanted)
        if spoils and rng.random() < SPOILING_SHARE:
            free = {r.index for r in REGISTERS[engine]}.difference(wanted, spoiled)
            wanted |= {index: rng.getrandbits(32) for index in sorted(free)}
            spoiled |= free
        missing = sorted(i for i, value in wanted.items() if words.get(i, 0) != value)
        if rng.random() < 0.1:
            missing = sorted({*missing, rng.choice(sorted(wanted))})
        while missing:
            low = max(0, missing[0] - rng.choice((0, 0, 0, 1, 2)))
            values3 = {f"value{s}": wanted.get(low + s, words.get(low + s, 0)) for s in range(3)}
            self.append(instruction("CFG", engine, index=low, **values3), rng)
            missing = [i for i in missing if i > low + 2]

    def append(
        self,
        item: Instruction,
        rng: random.Random,
        uses: Sequence[Resource] = (),
        level: int = 1,
    ) -> None:
        """Append `item`, which touches `uses`; sets tokens and notes what it writes.

        `level`: what a write to ACC makes of the words, as in `valid`.
        """
        if item.engine in QUEUED_ENGINES:
            givers = self._givers(item.engine, uses)
            for other in QUEUED_ENGINES:  # an order that nobody needs, now and then
                if other != item.engine and other not in givers and rng.random() < 0.04:
                    givers.append(other)
            for giver in givers:
                item = self._order(giver, item, rng)
        self.place(item)
        for use in uses:
            self._uses.setdefault(use, {})[item.engine] = self._count[item.engine]
        if item.name == "CFG":
            self._files.configure(item)
        elif item.engine in QUEUED_ENGINES:
            self._note_writes(item, level)

    def fence(self) -> None:
        """Append a FENCE: what follows is ordered behind everything."""
        self.program.append(instruction("FENCE"))
        for engine in QUEUED_ENGINES:
            self._known[engine] = dict(self._count)

    def append_with(self, item: Instruction, flag: str) -> None:
        """Append a CFG with a token; the caller balances it."""
        self.place(_with(item, flag))

    def registers(self, engine: str) -> Mapping[str, Mapping[str, int]]:
        """Return the registers of `engine` at the end of the program."""
        return self._files.of(engine)

    def place(self, item: Instruction) -> None:
        """Append `item` as it is; what it needs and does is the caller's business."""
        self.program.append(item)
        if item.engine in QUEUED_ENGINES:
            self._last[item.engine] = len(self.program) - 1
            self._count[item.engine] += 1

    def _givers(self, engine: str, uses: Sequence[Resource]) -> list[str]:
        return [
            other
            for other in QUEUED_ENGINES
            if other != engine
            and any(self._uses.get(u, {}).get(other, 0) > self._known[engine][other] for u in uses)
        ]

    def _order(self, giver: str, item: Instruction, rng: random.Random) -> Instruction:
        """Let the giver's last instruction, or a CFG behind it, signal `item`; return `item`."""
        engine = item.engine
        signal, wait = f"signal_{side_of(giver, engine)}", f"wait_{side_of(engine, giver)}"
        last = self._last[giver]
        if last < 0 or self.program[last][signal] or rng.random() < 0.15:
            self.place(self.idle_cfg(giver, rng))
            last = self._last[giver]
        self.program[last] = _with(self.program[last], signal)
        known, theirs = self._known[engine], {**self._known[giver], giver: self._count[giver]}
        for other in QUEUED_ENGINES:
            known[other] = max(known[other], theirs[other])
        return _with(item, wait)

    def idle_cfg(self, engine: str, rng: random.Random) -> Instruction:
        """Return a CFG that changes nothing: places without a register, or values that stand."""
        count = max(register.index for register in REGISTERS[engine]) + 1
        if rng.random() < 0.5:
            junk = {f"value{slot}": rng.getrandbits(32) for slot in range(3)}
            return instruction("CFG", engine, index=rng.randint(count, 63), **junk)
        low = rng.randrange(count - 2)
        words = self._files.words[engine]
        held = {f"value{slot}": words.get(low + slot, 0) for slot in range(3)}
        return instruction("CFG", engine, index=low, **held)

    def _note_writes(self, item: Instruction, level: int) -> None:
        group = group_of(item, self._files.of(item.engine))
        for nest in PAGES[item.name].nests(group, self.machine):
            if nest.is_write and nest.applies[0]:
                pad, words = nest.scratchpad, nest.touched(0)
                self.valid[pad][words] = level if pad == "ACC" else 1
                if pad == "PAR":
                    self._drop_frames(words)

    def _drop_frames(self, addresses: NDArray[np.int64]) -> None:
        low, high = int(addresses.min()), int(addresses.max())
        self.frames = [
            frame
            for frame in self.frames
            if frame.first + frame.blocks * (3 + frame.terms) <= low or frame.first > high
        ]


def _with(item: Instruction, flag: str) -> Instruction:
    return instruction(item.name, item.engine, **{**item.values, flag: 1})
