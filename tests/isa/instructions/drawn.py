"""Instructions of random programs, one at a time, and what loops written by hand find in them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain, product

from npusim.codes import ARRAY_FORMATS
from npusim.cosim.programs.programs import random_program
from npusim.isa.columns import RegisterFile, group_of
from npusim.isa.encoding import Instruction, decode_registers, instruction
from npusim.isa.instructions import PAGES, REGISTERS
from npusim.isa.nest import words_of
from npusim.isa.page import Group, Registers
from npusim.machines import Machine

NANO = Machine.load("nano")


FLAT = NANO.with_({"array.size": 8, "array.rows": 3})
"""Three slices a word, the last one of two rows."""
TALL = NANO.with_({"array.rows": 16})
"""Four words a tile."""


@cache
def _programs(machine: Machine) -> list[tuple[Machine, tuple[Instruction, ...]]]:
    rng = [random.Random(seed) for seed in range(25)]
    return [(machine, random_program(one, machine, 12)[0].instructions) for one in rng]


def drawn(name: str) -> Iterator[tuple[Machine, Instruction, Registers]]:
    """Yield every instruction of this name in 150 programs, with the registers that it sees."""
    shared = NANO.with_({"array.lanes_per_requantizer": 2, "array.lanes_per_lookup": 2})
    every = NANO.with_({"array.formats": ARRAY_FORMATS})
    machines = (NANO, Machine.load("base"), shared, FLAT, TALL, every)
    for machine, program in chain.from_iterable(map(_programs, machines)):
        files = RegisterFile()
        for item in program:
            if item.name == "CFG":
                files.configure(item)
            if item.name == name:
                yield machine, item, files.of(item.engine) if item.engine != "FETCH" else {}


def group(name: str, registers: dict[str, dict[str, int]] | None = None, **fields: int) -> Group:
    """Return a group of one; fields and registers that are not named are 0."""
    engine = PAGES[name].FORMAT.engines[0]
    zeros = decode_registers(engine, {}) if engine in REGISTERS else {}
    seen = {key: dict(row) for key, row in zeros.items()}
    for key, row in (registers or {}).items():
        assert row.keys() <= seen[key].keys()
        seen[key] |= row
    return group_of(instruction(name, engine, **fields), seen)


def broken(name: str, one: Group, machine: Machine = NANO) -> list[str]:
    """Return the rules that a group of one breaks."""
    return [r.broken(0) for r in PAGES[name].rules(one, machine) if not r.holds[0]]


def counted(item: Instruction, registers: Registers, machine: Machine) -> dict[str, int]:
    """Return the page's counts that are not 0."""
    counts = PAGES[item.name].counts(group_of(item, registers), machine)
    return {key: int(column[0]) for key, column in counts.items() if column[0]}


class Touched:
    """Words that a loop meets, by scratchpad and whether they are written, in order."""

    def __init__(self) -> None:
        self.words: dict[tuple[str, bool], list[int]] = defaultdict(list)

    def read(self, pad: str, word: int) -> None:
        self.words[pad, False].append(word)

    def write(self, pad: str, word: int) -> None:
        self.words[pad, True].append(word)

    def counts(self) -> Counter[str]:
        """Return how many, as the counts of words are named."""
        found: Counter[str] = Counter()
        for (pad, is_write), words in self.words.items():
            found[f"{pad.lower()}_{'writes' if is_write else 'reads'}"] += len(words)
        return found

    def assert_nests(
        self, item: Instruction, registers: Registers, machine: Machine = NANO
    ) -> None:
        """Assert that the page's nests touch these words, and that their bounds hold them."""
        nests: dict[tuple[str, bool], set[int]] = defaultdict(set)
        for nest in PAGES[item.name].nests(group_of(item, registers), machine):
            if nest.applies[0]:
                low, high = nest.bounds()
                words = words_of(*nest.of(0)).tolist()
                assert (min(words), max(words)) == (low[0], high[0])
                assert set(nest.touched(0).tolist()) == set(words)
                nests[nest.scratchpad, nest.is_write] |= set(words)
        assert nests == {key: set(words) for key, words in self.words.items()}, item


def loop(registers: Registers, levels: tuple[str, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the indices of a loop nest, outermost level first."""
    return product(*(range(registers[level]["count"]) for level in levels))


def unit_latency(unit: str) -> int:
    """Stand for the datapath: a number of its own for each unit."""
    return {
        "weight_decode": 1, "subtract_zero_point": 10, "pe_column": 100, "requantize": 1000,
        "pool": 10_000, "lookup": 100_000, "add": 1_000_000,
    }[unit]  # fmt: skip
