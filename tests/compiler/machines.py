"""Random legal machines, among them the smallest that a machine description allows."""

from __future__ import annotations

import numpy as np

from npusim.codes import ARRAY_FORMATS
from npusim.machines import Machine
from npusim.machines.machine import Array
from npusim.machines.memories import Bus, Memory, Scratchpads
from npusim.machines.prices import Clock


def random_machine(rng: np.random.Generator, least_words: int = 8) -> Machine:
    """Return a machine; `least_words`: of a bank."""

    def power(low: int, high: int) -> int:
        return 1 << int(rng.integers(low.bit_length() - 1, high.bit_length()))

    size = power(4, 32)
    return Machine(
        name="random",
        array=Array(
            size, ARRAY_FORMATS, 7, lanes_per_requantizer=power(1, 4),
            lanes_per_lookup=power(1, 4),
        ),
        scratchpads=Scratchpads(
            power(2, 8), power(least_words, 256), power(2, 4), power(max(least_words, size), 256),
            power(2, 4), power(least_words, 64), power(least_words, 256),
        ),
        bus=Bus(min(size, power(4, 64)), power(1, 64)),
        memory=Memory(
            ("fixed", "lfsr")[int(rng.integers(2))], int(rng.integers(1, 60)),
            int(rng.integers(1, 9)), int(rng.integers(1, 65536)), 1 << 24,
        ),
        clock=Clock(10**8),
    )  # fmt: skip
