"""CFG: writes three consecutive configuration registers of its engine."""

from __future__ import annotations

import numpy as np

from npusim.isa.fields import Field, Format, Register
from npusim.isa.nest import Column
from npusim.isa.page import (
    Group,
    Latency,
    no_banks,
    no_counts,
    no_hazards,
    no_nests,
    no_rules,
    no_transfer,
)
from npusim.isa.spec import CFG_CYCLES, QUEUED_ENGINES
from npusim.machines import Machine

FORMAT = Format(
    "CFG", 1, QUEUED_ENGINES, "write three consecutive configuration registers",
    (
        Field("index", 10, 6, "first register; places without a register are ignored"),
        Field("value0", 16, 32, "value of register index"),
        Field("value1", 48, 32, "value of register index + 1"),
        Field("value2", 80, 32, "value of register index + 2"),
    ),
)  # fmt: skip
REGISTERS: tuple[Register, ...] = ()

rules, hazards, nests, transfer = no_rules, no_hazards, no_nests, no_transfer
banks, counts = no_banks, no_counts


def cycles(cfg: Group, machine: Machine, latency: Latency) -> Column:
    """Return CFG_CYCLES of each."""
    return np.full_like(cfg.pcs, CFG_CYCLES)
