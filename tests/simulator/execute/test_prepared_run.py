"""Prepared runs give what instruction after instruction gives: programs at random, every form."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

import npusim
from npusim.cosim.programs.programs import random_program
from npusim.engines.machine_network import MachineNetwork
from npusim.kernels import vnni
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.simulator.execute.prepared_run import PreparedRun
from npusim.simulator.run import load_image, run_step, step_code
from npusim.simulator.timing.timeline import time_code
from tests.conftest import DIGITS


@pytest.fixture(params=["blocked", "vnni256", "vnni"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Choose a form of register tile that this processor has."""
    name = request.param
    if name != "blocked" and "vnni256" not in vnni.available_forms():
        pytest.skip("this processor has no VNNI")
    monkeypatch.setenv("NPUSIM_SIMD", name)
    vnni.chosen_form.cache_clear()
    yield vnni.chosen_form()
    vnni.chosen_form.cache_clear()


@pytest.mark.parametrize(
    ("name", "programs"), [("nano", 24), ("small", 10), ("base", 8), ("wide", 6)]
)
def test_the_same_bytes_in_dram_twice(name: str, programs: int, form: str) -> None:
    machine, prepared = Machine.load(name), 0
    for seed in range(programs):
        program, _ = random_program(random.Random(seed), machine, 14)
        step, bases = program.steps[0], program.region_addresses()
        timeline = time_code(step_code(program, step), machine, bases)
        used = bases[-1] + program.regions[-1].size_bytes
        dram = load_image(program)
        run = PreparedRun(timeline, bases, dram, (0, len(dram)))
        for _ in range(3):  # the second run meets what the first one stored
            expected = dram[:used].copy()
            run_step(program, step, expected)
            run.run()
            assert np.array_equal(dram[:used], expected), f"seed {seed}"
        prepared += run.table is not None
    assert prepared


def test_new_data_every_time() -> None:
    network = npusim.load(DIGITS / "digits_int8.onnx")
    with np.load(DIGITS / "digits_test.npz") as data:
        images = data["x"][:20]
    machine = MachineNetwork(network, Machine.load("nano"))
    found, runs = machine.run(images)
    expected = prepare(network, machine.program.requant).run(images)
    for name in network.outputs:
        assert np.array_equal(found[name], expected[name])
    assert runs[0].timelines == runs[1].timelines


def test_what_changes_is_not_prepared() -> None:
    """A weight that the run itself stores is loaded again each time."""
    machine = Machine.load("nano")
    for seed in range(100):
        program, _ = random_program(random.Random(seed), machine, 14)
        bases = program.region_addresses()
        timeline = time_code(step_code(program, program.steps[0]), machine, bases)
        dram = load_image(program)
        whole = PreparedRun(timeline, bases, dram, (0, len(dram)))
        nothing = PreparedRun(timeline, bases, dram, (0, 0))
        whole.run()
        nothing.run()
        if whole.table is not None and (timeline.columns.groups["LD"]["target"] > 0).any():
            assert nothing.table is None
            return
    pytest.fail("no program that loads weights")
