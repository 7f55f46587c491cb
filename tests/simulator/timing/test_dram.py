"""The DRAM of banks and rows, by hand: what each command waits for, and what the ports share."""

from __future__ import annotations

import random

import numpy as np
import pytest

from npusim.cosim.programs.machines import random_dram
from npusim.cosim.programs.programs import random_program
from npusim.machines import Machine
from npusim.simulator.run import load_image, run_step, time_program
from npusim.simulator.timing.dram import (
    OUTCOMES,
    access,
    first_tick,
    new_dram,
    refresh,
    seen_at,
    timing_of,
)
from npusim.simulator.timing.schedule import schedule

TIMES = {
    "tCL": 5, "tCWL": 3, "tBL": 4, "tRCD": 6, "tRP": 7, "tRAS": 20, "tRC": 30, "tRRD_S": 8,
    "tRRD_L": 9, "tFAW": 50, "tCCD_S": 4, "tCCD_L": 6, "tRTP": 2, "tWR": 10, "tWTR_S": 1,
    "tWTR_L": 5, "tRTW": 11, "tREFI": 1000, "tRFC": 100,
}  # fmt: skip
NANO = Machine.load("nano").with_({
    "memory.model": "dram", "dram.clock_hz": 100_000_000, "dram.access_bytes": 16,
    "dram.row_bytes": 256, "dram.banks": 4, "dram.bank_groups": 2,
    **{f"dram.{key}_clocks": value for key, value in TIMES.items()},
})  # fmt: skip
"""16 accesses a row, of which neighbours lie in the two groups; bank = 2 * (n / 32 % 2) + n % 2."""
ROW = 64
"""Accesses from a row of a bank to its next."""


def served(*accesses: tuple[int, int, bool]) -> list[int]:
    """Return the ticks of the commands: (arrival, number, is a write)."""
    timing = timing_of(NANO)
    dram, found, outcomes = new_dram(timing), [], np.zeros(len(OUTCOMES), np.int64)
    for arrival, number, is_write in accesses:
        refresh(dram, timing, arrival)
        done = access(dram, timing, number, is_write, arrival, outcomes)
        found.append(done - timing.BL - (timing.CWL if is_write else timing.CL))
    return found


R, W = False, True


@pytest.mark.parametrize(
    ("accesses", "ticks"),
    [
        ([(10, 0, R)], [16]),  # ACT 10, tRCD
        ([(10, 0, R), (10, 2, R)], [16, 22]),  # a hit, tCCD_L
        ([(10, 0, R), (10, 1, R)], [16, 24]),  # ACT 18: tRRD_S; tRCD
        ([(10, 0, R), (10, 32, R)], [16, 25]),  # ACT 19: tRRD_L
        ([(10, 0, R), (10, ROW, R)], [16, 46]),  # PRE 30: tRAS; ACT 40: tRC; tRCD
        ([(10, 0, R), (50, 2, R), (50, ROW, R)], [16, 50, 65]),  # PRE 52: tRTP; ACT 59: tRP
        ([(10, 0, W), (10, 2, R)], [16, 28]),  # 16 + tCWL + tBL + tWTR_L
        ([(10, 0, W), (20, 1, R)], [16, 26]),  # ACT 20, tRCD: later than 23 + tWTR_S
        ([(10, 0, R), (10, 2, W)], [16, 27]),  # tRTW
        ([(10, 0, W), (10, ROW, W)], [16, 46]),  # PRE 33: 23 + tWR; ACT 40
        ([(10, 0, W), (30, 0, W), (30, ROW, R)], [16, 30, 60]),  # PRE 47: 37 + tWR
        (
            [(10, 0, R), (10, 1, R), (10, 32, R), (10, 33, R), (10, ROW, R)],
            [16, 24, 32, 40, 66],  # ACT 10, 18, 26, 34; 60: the fifth waits for tFAW
        ),
        ([(990, 0, R), (999, 2, R), (1000, 4, R)], [996, 1002, 1126]),  # PREA 1010, REF 1020: tRC
        ([(2000, 0, R)], [2106]),  # REF 2000: all banks are closed
        ([(2050, 0, R)], [2106]),
        ([(999, 0, R), (1000, 2, R)], [1005, 1135]),  # PREA 1019: tRAS; REF 1029
    ],
)
def test_every_command_waits_for_what_is_written(accesses, ticks):
    assert served(*accesses) == ticks


def random_machine(seed: int) -> Machine:
    rng = random.Random(seed)
    machine = Machine.load(rng.choice(("nano", "small", "base")))
    return machine.with_({
        "memory.model": "dram", "memory.latency_cycles": rng.choice((1, 5)),
        "memory.outstanding": rng.choice((1, 2, 8)),
        **random_dram(rng, machine.clock.frequency_hz),
    })  # fmt: skip


def test_plain_and_compiled_schedules_agree_and_no_byte_changes(monkeypatch):
    for seed in range(30):
        machine = random_machine(seed)
        program, _ = random_program(random.Random(seed), machine, 8)
        found = []
        for compiled in (False, True):
            monkeypatch.setattr(
                schedule, "is_worth_compiling", lambda rounds, is_so=compiled: is_so
            )
            (timeline,) = time_program(program)
            found.append(timeline)
        for column in ("dispatch", "issue", "retire", "stalls", "bursts", "outcomes"):
            assert np.array_equal(*(getattr(timeline, column) for timeline in found)), column
        other = machine.with_({"memory.model": "fixed"})
        left = [
            run_step(program, program.steps[0], load_image(program), machine=one, trace=False)
            for one in (machine, other)
        ]
        assert np.array_equal(*(run.dram for run in left))
        for row in found[0].counters().values():
            assert min(row.values()) >= 0
            assert sum(row.values()) == found[0].cycles


def test_every_access_has_one_outcome_and_the_bytes_are_covered():
    for seed in range(20):
        machine = random_machine(seed)
        program, _ = random_program(random.Random(seed), machine, 8)
        (timeline,) = time_program(program)
        hits, misses, conflicts, reads, writes = timeline.outcomes.sum(axis=0).tolist()
        assert hits + misses + conflicts == reads + writes
        assert misses >= 1
        assert reads * machine.dram.access_bytes >= 16 * len(program.instructions)
        ticks = timeline.cycles * machine.dram.clock_hz // machine.clock.frequency_hz
        assert timeline.refreshes == ticks // machine.dram.tREFI_clocks


def test_ports_share_the_dram():
    """A LD meets the rows that FETCH has opened: it is not what it would be alone."""
    machine = NANO.with_({"dram.banks": 2, "dram.bank_groups": 1})
    program, _ = random_program(random.Random(3), machine, 10)
    one_bank = time_program(program)[0]
    many = time_program(program, machine.with_({"dram.banks": 64}))[0]
    assert one_bank.outcomes[:, 2].sum() > many.outcomes[:, 2].sum()
    assert one_bank.cycles > many.cycles


def test_the_worked_example_of_the_page():
    """docs/architecture.md, section 5: LPDDR4-3200 behind 500 MHz, L = 10."""
    base = {"memory.model": "dram", "memory.latency_cycles": 10, "bus.burst_beats": 256}
    machine = Machine.load("base").with_(base)
    timing = timing_of(machine)
    dram, outcomes = new_dram(timing), np.zeros(len(OUTCOMES), np.int64)
    arrival = first_tick(1 + 1, timing)
    done = [access(dram, timing, n, False, arrival, outcomes) for n in (0, 1, 8 * 64)]
    assert (arrival, *done) == (6, 71, 79, 132 + 28 + 8)
    assert [seen_at(tick, timing) + 10 for tick in done[:2]] == [33, 35]
    program, _ = random_program(random.Random(1), machine, 3)
    (timeline,) = time_program(program)
    assert timeline.dispatch[0] == 33 + 1 + 1  # two beats of 8 bytes, then dispatch
