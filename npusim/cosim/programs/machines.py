"""Machines drawn at random: every size is a dimension of its own, named here, and varies."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

from npusim.codes import ARRAY_FORMATS, MULTIPLIED_ON
from npusim.machines import Machine
from npusim.machines.dram import Dram
from npusim.machines.parts import PARTS
from npusim.toml_tables import keys_of
from npusim.words import MEMORY_MODELS, TECHNOLOGIES

INDEPENDENT = [model for model in MEMORY_MODELS if model != "dram"]
"""Models of the memory whose ports do not meet."""
TILE_WORDS = (16, 32, 64, 256)
"""Words of a WGT bank: those of twice the rows or more hold the smallest weight tile."""

SHARING_LANES = (1, 2, 4, 8)


def random_machine(seed: int, sizes: tuple[int, ...] = (4, 4, 4, 8, 8, 16)) -> Machine:
    """Return the machine of `seed`; `sizes` are what its array's are drawn from."""
    rng = random.Random(seed)
    size = rng.choice(sizes)
    formats = [name for name in ARRAY_FORMATS if rng.random() < 0.5]
    formats = formats or [rng.choice(ARRAY_FORMATS)]
    needed = {MULTIPLIED_ON[name] for name in formats if name in MULTIPLIED_ON}
    formats = [name for name in ARRAY_FORMATS if name in {*formats, *needed}]
    return Machine.load("nano").with_({
        "name": f"random-{seed}",
        "array.size": size,
        "array.formats": formats,
        "array.pwlq_bits": rng.randint(2, 7) if "pwlq" in formats else 0,
        "array.fp32_requantizer": seed % 2,
        "array.line_words": (0, 2, 8, 32)[seed // 2 % 4],
        "array.lanes_per_requantizer": min(size, SHARING_LANES[seed // 3 % 4]),
        "array.lanes_per_lookup": min(size, SHARING_LANES[seed // 5 % 4]),
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
        "memory.model": rng.choice(INDEPENDENT),
        "memory.latency_cycles": rng.choice((1, 7, 40, 300)),
        "memory.outstanding": rng.choice((1, 2, 8)),
        "memory.seed": rng.randrange(1, 1 << 16),
        "energy.technology": rng.choice(TECHNOLOGIES),
        "energy.clock_gating": rng.random() < 0.5,
        **shared_in_a_third(random.Random(seed), Machine.load("nano").clock.frequency_hz),
        "array.rows": _rows(rng, size),
    })  # fmt: skip


def shared_in_a_third(rng: random.Random, frequency_hz: int) -> dict[str, Any]:
    """Return the keys of a drawn DRAM of banks and rows in a third of the draws, else none."""
    if rng.random() < 2 / 3:
        return {}
    return {"memory.model": "dram", **random_dram(rng, frequency_hz)}


def random_dram(rng: random.Random, frequency_hz: int) -> dict[str, Any]:
    """Return keys of a DRAM whose every size and time is drawn; some are a part as it is."""
    if rng.random() < 0.2:
        return {"dram.part": rng.choice(tuple(PARTS))}
    groups, access_bytes = rng.choice((1, 2, 4)), rng.choice((16, 32, 64, 256))
    most = rng.choice((3, 12, 60))
    times = {key: rng.randint(1, most) for key in keys_of(Dram) if key.endswith("_clocks")}
    times["tCCD_S_clocks"] = times["tBL_clocks"] + rng.choice((0, 0, 3))
    times["tREFI_clocks"] = (
        times["tRFC_clocks"] + times["tRP_clocks"] + 1 + rng.choice((0, 20, 300, 5000))
    )
    ratio = Fraction(*rng.choice(((1, 3), (1, 1), (7, 5), (16, 5), (12, 1), (1_000_003, 999_983))))
    found = {
        "clock_hz": max(int(frequency_hz * ratio), 1_000_000),
        "access_bytes": access_bytes,
        "row_bytes": rng.choice([n for n in (256, 512, 2048) if n >= access_bytes * groups]),
        "banks": groups * rng.choice((1, 2, 8)),
        "bank_groups": groups,
        **times,
    }
    return {f"dram.{key}": value for key, value in found.items()}


def _rows(rng: random.Random, size: int) -> int:
    """Return rows of the array: as many as columns, fewer, or so many times as many."""
    times = rng.choice([n for n in (2, 4) if n * size <= 64] or [1])
    return rng.choice((0, 0, rng.randint(2, size), times * size))
