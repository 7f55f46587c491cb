"""Every legal machine runs: programs, and two networks with cycles and energy, on fifty drawn."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

import npusim
from npusim import operators as op
from npusim.cosim.programs.machines import random_machine
from npusim.cosim.programs.programs import random_program
from npusim.isa.check import check
from npusim.simulator.run import load_image, run_step
from tests.conftest import DIGITS
from tests.quant.networks import Maker

MACHINES = 50
PROGRAMS = 4
SIZES = (4, 8, 16, 32)
CODES = {
    "uniform8": ("uniform", 8), "uniform4": ("uniform", 4), "subset": ("subset", 4),
    "lut": ("lut", 4), "uniform6": ("uniform", 6), "pwlq_double": ("pwlq_double", 4),
}  # fmt: skip


@cache
def float_network(name: str) -> tuple[npusim.Network, NDArray]:
    """Return a float network with samples to calibrate on."""
    if name == "digits":
        with np.load(DIGITS / "digits_train.npz") as train:
            return npusim.load(DIGITS / "digits_float.onnx"), train["x"][:8]
    return residual(), np.random.default_rng(1).normal(size=(8, 3, 9, 8))


def residual() -> npusim.Network:
    """Return a network with a depthwise and a strided convolution, two branches and pools."""
    random, relu = np.random.default_rng(0), op.Clamp(0.0)
    m = Maker((1, 9, 8, 3), (0, 3, 1, 2))

    def conv(name: str, x: str, shape: tuple[int, ...], **window: tuple[int, ...]) -> str:
        weights = random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        groups = shape[0] if name == "depthwise" else 1
        operator = op.Conv2D(op.Window(shape[1:3], **window), groups, relu)
        return m.node(name, operator, x, m.constant(f"{name} w", weights))

    stem = conv("stem", "x", (8, 3, 3, 3), stride=(2, 1), padding=(1, 0, 1, 2))
    deep = conv("depthwise", stem, (8, 3, 3, 1), padding=(1, 1, 1, 1))
    total = m.node("add", op.Add(), stem, conv("point", deep, (8, 1, 1, 8)))
    pooled = m.node("max", op.MaxPool(op.Window((2, 2), (2, 2))), total)
    mean = m.node("mean", op.Mean((1, 2), False), pooled)
    m.node("dense", op.FullyConnected(True), mean, m.constant("w", random.normal(size=(5, 8))))
    return m.network("dense:0")


@cache
def quantized(name: str, scheme: str, bits: int) -> tuple[npusim.Network, NDArray]:
    network, x = float_network(name)
    settings = {"include_zero": True} if scheme == "subset" else {}
    made = npusim.quantize(network, x, scheme=scheme, bits=bits, encoder="nearest", **settings)
    return made, x[:1].astype(np.float32)


@pytest.mark.parametrize("seed", range(MACHINES))
def test_programs_and_networks(seed: int) -> None:
    machine = random_machine(seed, SIZES)
    for number in range(PROGRAMS):
        program, regions = random_program(random.Random(1000 * number + seed), machine)
        check(program.instructions, machine, [len(image) for image in regions])
        assert run_step(program, program.steps[0], load_image(program)).timeline.fault is None
    codes = CODES | {"pwlq": ("pwlq", machine.array.pwlq_bits)}
    formats = machine.array.formats
    for name, code in (("digits", formats[0]), ("residual", formats[-1])):
        network, x = quantized(name, *codes[code])
        expected = npusim.run(network, x).outputs
        found = npusim.run(network, x, engine="machine", machine=machine)
        for output, values in expected.items():
            np.testing.assert_array_equal(found.outputs[output], values)
        cost = npusim.estimate(network, machine)
        assert found.cycles == cost.cycles > 0
        assert found.energy["total"] == pytest.approx(sum(cost.energy_pj.values()) / 2)
        assert min(cost.energy_pj.values()) >= 0
        assert found.as_json()["area_um2"] > 0


def test_the_draw_holds_every_width_of_pwlq() -> None:
    widths = {random_machine(seed, SIZES).array.pwlq_bits for seed in range(2 * MACHINES)}
    assert widths == {0, 2, 3, 4, 5, 6, 7}
