"""A machine's past: what it adds to a run's numbers is taken away again."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np

from npusim.cosim.npu.run import RtlRun
from npusim.simulator.timing.events import Event
from tools.mutation.past import Past, random_past, stalls_of

EVENTS = (
    Event(0, "LD", 0, "stall:fetch", 5),
    Event(5, "LD", 0, "issue", 0),
    Event(6, "LD", 0, "retire", 0xABC),
)
PAST = Past(0xFFFF_0000, 0xFEFF_FFF0, 0xFFFF_FFFE)


def counted(past: Past, fault: int) -> RtlRun:
    """Return the run of EVENTS on a machine with `past`."""
    space = 1 << 32
    lines = (
        f"{(past.cycles - past.stalled) % space} LD {past.instructions} "
        f"stall:fetch {(5 + past.stalled) % space}",
        f"{past.cycles + 5} LD {past.instructions} issue 0",
        f"{past.cycles + 6} LD {past.instructions} retire 00000abc",
    )
    registers = {
        "fault": fault, "fault_pc": past.instructions if fault else 0, "cycles": past.cycles + 7,
        "ld_busy": past.cycles + 2, "ld_stall_fetch": (past.cycles + past.stalled + 5) % space,
    }  # fmt: skip
    for engine in ("ld", "mx", "ep", "st"):
        for name in ("busy", "stall_fetch", "stall_prev", "stall_across", "stall_next"):
            registers.setdefault(f"{engine}_{name}", past.cycles)
    return RtlRun(np.zeros(4, np.uint8), lines, registers)


def test_a_past_is_taken_away() -> None:
    stalls = stalls_of(EVENTS)
    assert stalls == Counter({("LD", "fetch"): 1})
    for fault in (0, 1):
        found = PAST.without(counted(PAST, fault), stalls)
        assert found.trace == tuple(map(str, EVENTS))
        assert found.registers == counted(Past(), fault).registers


def test_pasts_begin_a_slot_of_fetch_and_do_not_overflow() -> None:
    pasts = [random_past(random.Random(seed)) for seed in range(200)]
    assert all(past.instructions % 16 == 0 for past in pasts)
    assert max(past.instructions for past in pasts) < (1 << 32) - (1 << 19)
    for name in ("instructions", "cycles", "stalled"):
        ones = 0
        for past in pasts:
            ones |= getattr(past, name)
        assert ones >> 31
