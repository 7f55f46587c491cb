"""Loop nests: which words of a scratchpad an instruction touches, in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.isa.scratchpads import bank_words, banks_of
from npusim.isa.spec import ADDRESS_SPACE
from npusim.machines import Machine

Column = NDArray[np.int64]
Mask = NDArray[np.bool_]
Level = tuple[Any, Any]
"""(count, stride): of one instruction ints, of many columns."""


@dataclass(frozen=True, eq=False)
class Nest:
    """Words base + sum of index*stride of one scratchpad, for each instruction of a group.

    Attributes
    ----------
    banks
        The banks that each instruction claims there.
    levels
        (count, stride) columns, outermost first.
    applies
        Which instructions touch these words at all.
    regions
        Of ACC: how many regions of a word are touched.
    """

    scratchpad: str
    is_write: bool
    banks: Column
    base: Column
    levels: tuple[Level, ...]
    applies: Mask
    regions: Column | int = 1

    def bounds(self) -> tuple[Column, Column]:
        """Return the least and the greatest word of each instruction, before the wrap."""
        low, high = self.base.copy(), self.base.copy()
        for count, stride in self.levels:
            extent = (count - 1) * stride
            low += np.minimum(extent, 0)
            high += np.maximum(extent, 0)
        return low, high

    def of(self, i: int | np.integer) -> tuple[int, list[Level]]:
        """Return the base and the levels of instruction `i` of the group."""
        return int(self.base[i]), [(int(count[i]), int(stride[i])) for count, stride in self.levels]

    def touched(self, i: int | np.integer) -> NDArray[np.int64]:
        """Return the words that instruction `i` touches, each once, ascending, after the wrap."""
        base, levels = self.of(i)
        if prod(count for count, _ in levels) <= ADDRESS_SPACE:
            is_touched = np.zeros(ADDRESS_SPACE, np.bool_)
            is_touched[words_of(base, levels) % ADDRESS_SPACE] = True
            return np.flatnonzero(is_touched)
        bits = np.frombuffer(reached(base, levels).to_bytes(ADDRESS_SPACE // 8, "little"), np.uint8)
        return np.flatnonzero(np.unpackbits(bits, bitorder="little").view(np.bool_))

    def regions_of(self, i: int | np.integer) -> int:
        """Return how many regions of a word instruction `i` touches."""
        return self.regions if isinstance(self.regions, int) else int(self.regions[i])

    def outside(self, machine: Machine) -> Mask:
        """Return which instructions reach a word beyond the scratchpad or the banks they claim."""
        words, banks = bank_words(machine, self.scratchpad), banks_of(machine, self.scratchpad)
        low, high = self.bounds()
        inside = (low >= 0) & (high < words * banks)
        first, last = np.where(inside, low // words, 0), np.where(inside, high // words, 0)
        covered = inside & (((2 << last) - (1 << first)) & ~self.banks == 0)
        result = np.zeros(len(low), np.bool_)
        for i in np.flatnonzero(self.applies & ~covered):
            ones = (1 << words) - 1
            claimed = (bank for bank in range(banks) if self.banks[i] >> bank & 1)
            allowed = sum(ones << bank * words for bank in claimed)
            result[i] = bool(reached(*self.of(i)) & ~allowed)
        return result


def words_of(base: int, levels: Iterable[Level]) -> NDArray[np.int64]:
    """Return base + sum of index*stride over `levels`, outermost first, flat; nothing wraps."""
    words = np.array([base], np.int64)
    for count, stride in levels:
        words = (words[:, None] + np.arange(count, dtype=np.int64) * stride).ravel()
    return words


def reached(base: int, levels: Iterable[Level]) -> int:
    """Return an int whose bit a is 1 where base + sum of index*stride is a modulo 2^16.

    So a nest of any size is walked in a few rotations.
    """
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


def saturating_product(*counts: Column) -> Column:
    """Return the product of counts of up to 16 bits; what passes 2^31 - 1 stays there."""
    return reduce(lambda a, b: np.minimum(a * b, (1 << 31) - 1), counts, np.ones_like(counts[0]))
