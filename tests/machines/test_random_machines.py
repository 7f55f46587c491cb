"""Every legal machine runs: programs, and networks with cycles and energy, on fifty drawn ones."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

import npusim
from npusim.cosim.programs.machines import random_machine
from npusim.cosim.programs.programs import random_program
from npusim.isa.check import check
from npusim.simulator.run import load_image, run_step
from tests.conftest import DIGITS

MACHINES = 50
SIZES = (4, 8, 16, 32)
CODES = {"uniform8": ("uniform", 8), "uniform4": ("uniform", 4), "subset": ("subset", 4)}


def samples() -> NDArray:
    with np.load(DIGITS / "digits_test.npz") as found:
        return found["x"][:1]


@cache
def digits(scheme: str, bits: int) -> npusim.Network:
    with np.load(DIGITS / "digits_train.npz") as train:
        return npusim.quantize(
            npusim.load(DIGITS / "digits_float.onnx"), train["x"][:8], scheme=scheme, bits=bits,
            encoder="nearest",
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(MACHINES))
def test_programs_and_networks(seed: int) -> None:
    machine = random_machine(seed, SIZES)
    program, regions = random_program(random.Random(seed), machine)
    check(program.instructions, machine, [len(image) for image in regions])
    assert run_step(program, program.steps[0], load_image(program)).timeline.fault is None
    codes = CODES | {"pwlq": ("pwlq", machine.array.pwlq_bits)}
    for name in (machine.array.formats * 2)[:2]:
        network = digits(*codes[name])
        expected = npusim.run(network, samples()).outputs
        found = npusim.run(network, samples(), engine="machine", machine=machine)
        for output, values in expected.items():
            np.testing.assert_array_equal(found.outputs[output], values)
        cost = npusim.estimate(network, machine)
        assert found.cycles == cost.cycles > 0
        assert found.energy["total"] == pytest.approx(sum(cost.energy_pj.values()) / 2)
        assert min(cost.energy_pj.values()) >= 0
        assert found.as_json()["area_um2"] > 0


def test_the_draw_holds_every_width_of_pwlq() -> None:
    widths = {random_machine(seed, SIZES).array.pwlq_bits for seed in range(MACHINES)}
    assert widths == {0, 2, 3, 4, 5, 6, 7}
