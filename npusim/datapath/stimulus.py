"""Range-aware random operands, shared by the pages' `vectors`: what uniform draws hardly ever hit.

A uniform draw over 32 bits is almost always huge, so that every result saturates and no rounding
is seen. These draws spend a tenth on the ends of the range and half on small magnitudes.
"""

from __future__ import annotations

import random


def chance(rng: random.Random, percent: int) -> bool:
    """Return True in `percent` of the draws."""
    return rng.randrange(100) < percent


def between(rng: random.Random, low: int, high: int) -> int:
    """Return an integer of low..high: 10 % next to an end or to zero, 45 % small, 45 % any."""
    kind = rng.randrange(100)
    if kind < 10:
        edges = (low, low + 1, -1, 0, 1, high - 1, high)
        return rng.choice([edge for edge in edges if low <= edge <= high])
    if kind < 55:
        return of_any_magnitude(rng, low, high)
    return rng.randint(low, high)


def of_any_magnitude(rng: random.Random, low: int, high: int) -> int:
    """Return an integer of low..high whose count of bits, not whose value, is uniform."""
    bits = rng.randint(0, max(abs(low), abs(high)).bit_length())
    magnitude = rng.getrandbits(bits) if bits else 0
    value = -magnitude if low < 0 and (high <= 0 or rng.getrandbits(1)) else magnitude
    return min(max(value, low), high)
