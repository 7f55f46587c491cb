"""Cycles of the event-driven schedule against a machine that is stepped cycle by cycle."""

from __future__ import annotations

import random

import numpy as np
import pytest

from npusim.cosim.programs.programs import random_program
from npusim.machines import Machine
from npusim.simulator.run import time_program
from npusim.simulator.timing.events import events
from npusim.simulator.timing.schedule import schedule
from tests.simulator.timing.stepping import Stepper

SETTINGS = [("fixed", 1, 1), ("fixed", 10, 4), ("fixed", 57, 2), ("lfsr", 1, 3), ("lfsr", 20, 1)]


def with_memory(name: str, model: str, latency: int, outstanding: int, seed: int = 1) -> Machine:
    return Machine.load(name).with_({
        "memory.model": model, "memory.latency_cycles": latency,
        "memory.outstanding": outstanding, "memory.seed": seed,
    })  # fmt: skip


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("name", ["nano", "small", "base", "wide"])
@pytest.mark.parametrize(("model", "latency", "outstanding"), SETTINGS)
def test_every_cycle_is_the_stepped_machines(
    name, model, latency, outstanding, compiled, monkeypatch
):
    """Both forms of the schedule: plain Python on lists, and compiled on arrays."""
    monkeypatch.setattr(schedule, "is_worth_compiling", lambda rounds: compiled)
    for seed in range(8):
        machine = with_memory(name, model, latency, outstanding, seed=seed * 77 + 1)
        program, _ = random_program(random.Random(seed), machine, 7)
        (timeline,) = time_program(program)
        stepper = Stepper(program.instructions, machine, program.region_addresses())
        cycles = stepper.run()
        where = f"seed {seed}"
        for pc in range(len(program.instructions)):
            found = timeline.dispatch[pc], timeline.issue[pc], timeline.retire[pc]
            expected = stepper.dispatched[pc], stepper.issued[pc], stepper.retired[pc]
            assert found == expected, f"{where}, pc {pc}"
        assert timeline.cycles == cycles, where
        stalls = [
            (e.cycle, e.engine, e.pc, e.event.removeprefix("stall:"), e.last)
            for e in events(timeline, {})
            if e.event.startswith("stall")
        ]
        assert sorted(stalls) == sorted(stepper.stalls), where


@pytest.mark.parametrize("model", ["fixed", "lfsr", "dram"])
def test_causes_add_up_to_the_cycles(model):
    for seed in range(20):
        machine = with_memory("nano", model, 12, 2)
        program, _ = random_program(random.Random(seed), machine, 10)
        (timeline,) = time_program(program)
        for row in timeline.counters().values():
            assert min(row.values()) >= 0
            assert sum(row.values()) == timeline.cycles


def test_less_latency_and_more_bursts_never_cost_cycles():
    for seed in range(15):
        program, _ = random_program(random.Random(seed), Machine.load("nano"), 10)
        before = None
        for latency in (80, 33, 9, 2, 1):
            cycles = time_program(program, with_memory("nano", "fixed", latency, 4))[0].cycles
            assert before is None or cycles <= before
            before = cycles
        before = None
        for outstanding in (1, 2, 3, 8):
            cycles = time_program(program, with_memory("nano", "fixed", 30, outstanding))[0].cycles
            assert before is None or cycles <= before
            before = cycles


def test_a_run_is_repeatable():
    machine = with_memory("nano", "lfsr", 7, 2)
    program, _ = random_program(random.Random(5), machine, 10)
    first, second = time_program(program)[0], time_program(program)[0]
    assert np.array_equal(first.issue, second.issue)
    assert first.cycles == second.cycles
