"""Machines drawn at random: every size is a dimension of its own, named here, and varies."""

from __future__ import annotations

import random

from npusim.codes import ARRAY_FORMATS
from npusim.machines import Machine
from npusim.words import MEMORY_MODELS, TECHNOLOGIES

TILE_WORDS = (16, 32, 64, 256)
"""Words of a WGT bank: those of twice the rows or more hold the smallest weight tile."""


def random_machine(seed: int, sizes: tuple[int, ...] = (4, 4, 4, 8, 8, 16)) -> Machine:
    """Return the machine of `seed`; `sizes` are what its array's are drawn from."""
    rng = random.Random(seed)
    size = rng.choice(sizes)
    formats = [name for name in ARRAY_FORMATS if rng.random() < 0.5]
    formats = formats or [rng.choice(ARRAY_FORMATS)]
    return Machine.load("nano").with_({
        "name": f"random-{seed}",
        "array.size": size,
        "array.formats": formats,
        "array.pwlq_bits": rng.randint(2, 7) if "pwlq" in formats else 0,
        "array.fp32_requantizer": seed % 2,
        "array.line_words": (0, 2, 8, 32)[seed // 2 % 4],
        "array.lanes_per_requantizer": (1, 2, 4)[seed % 3],
        "array.lanes_per_lookup": (1, 4, 2)[seed // 3 % 3],
        "scratchpads.act_banks": rng.choice((2, 4, 8)),
        "scratchpads.act_bank_words": rng.choice((8, 16, 64, 256, 1024)),
        "scratchpads.wgt_banks": rng.choice((2, 4)),
        "scratchpads.wgt_bank_words": rng.choice([n for n in TILE_WORDS if n >= 2 * size]),
        "scratchpads.par_banks": rng.choice((2, 4)),
        "scratchpads.par_bank_words": rng.choice((8, 16, 64)),
        "scratchpads.acc_words": rng.choice((8, 32, 128, 512)),
        "scratchpads.acc_banks": rng.choice((2, 4)),
        "bus.bus_bytes": rng.choice([bus for bus in (4, 8, 16, 32, 64) if bus <= size]),
        "bus.burst_beats": rng.choice((1, 2, 4, 8, 16, 64, 256)),
        "memory.model": rng.choice(MEMORY_MODELS),
        "memory.latency_cycles": rng.choice((1, 7, 40, 300)),
        "memory.outstanding": rng.choice((1, 2, 8)),
        "memory.seed": rng.randrange(1, 1 << 16),
        "energy.technology": rng.choice(TECHNOLOGIES),
        "energy.clock_gating": rng.random() < 0.5,
    })  # fmt: skip
