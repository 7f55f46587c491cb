"""Random loop nests that stay within a given number of words."""

from __future__ import annotations

import random
from collections.abc import Callable

Level = tuple[int, int]
"""(count, stride)."""


def count(rng: random.Random, most: int) -> int:
    """Return a count of 1..most; 1, 2 and small ones are frequent, powers of two not rare."""
    if most <= 1:
        return 1
    kind = rng.random()
    if kind < 0.35:
        return 1
    if kind < 0.55:
        return min(2, most)
    if kind < 0.9:
        return rng.randint(1, min(most, 7))
    if kind < 0.95:
        return 1 << rng.randrange(most.bit_length())
    return rng.randint(1, most)


def fit(
    rng: random.Random,
    length: int,
    counts: list[int],
    widest: int = 1 << 15,
    choose: Callable[[range], int] | None = None,
) -> tuple[int, list[Level]]:
    """Return (first, levels): strides of any sign such that all words lie in 0..length-1.

    `choose`: of the words where the nest may begin one; any where None.
    """
    slack, low = length - 1, 0
    levels: list[Level] = []
    order = list(range(len(counts)))
    rng.shuffle(order)
    strides = [0] * len(counts)
    for place in order:
        steps = counts[place] - 1
        room = min(slack // steps if steps else widest, widest - 1)
        stride = rng.choice((0, 1, 1, 1, rng.randint(0, room), rng.randint(0, min(room, 5))))
        if steps and stride > room:
            stride = room
        if rng.random() < 0.2:
            stride = -stride
        strides[place] = stride
        slack -= abs(stride) * steps
        low += min(0, stride * steps)
    levels = list(zip(counts, strides, strict=True))
    places = range(-low, slack - low + 1)
    return choose(places) if choose is not None else rng.choice(places), levels


def product(counts: list[int]) -> int:
    """Return the iterations of a nest."""
    result = 1
    for value in counts:
        result *= value
    return result


def shape(rng: random.Random, levels: int, most: int) -> list[int]:
    """Return counts of `levels` loops whose product is at most `most`."""
    counts = [1] * levels
    order = list(range(levels))
    rng.shuffle(order)
    for place in order:
        counts[place] = count(rng, most // product(counts))
    return counts
