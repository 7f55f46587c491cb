"""Depthwise layers whose kernel rows are multiplied at once: the bytes of the kernels engine."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import operators as op
from npusim.engines.estimate import estimate
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network
from npusim.graph.network import Network
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.quant.quantize import quantize
from tests.compiler.agreement import assert_agrees, random_inputs
from tests.compiler.machines import random_machine
from tests.compiler.test_residency import RULES, moved_bytes
from tests.quant.networks import Maker

SCHEMES = (
    ("uniform", 8), ("uniform", 4), ("wes", 5), ("pwlq", 4), ("subset", 4), ("multipoint", 4)
)  # fmt: skip
KERNELS = ((2, 2), (2, 2), (2, 3), (3, 2), (3, 3), (3, 3), (1, 3), (3, 1))


def depthwise(
    rng: np.random.Generator, kernel: tuple[int, int], scheme: tuple[str, int] = ("uniform", 8)
) -> Network:
    """Return a quantized depthwise layer of any stride, dilation of columns, padding and size."""

    def between(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    dilation = (1, 1 + (between(0, 3) == 0))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    image = (1, between(spans[0], 12), between(spans[1], 20), between(2, 40))
    pads = [between(0, span - 1) for span in spans for _ in range(2)]
    window = op.Window(kernel, (between(1, 3), between(1, 3)), dilation, tuple(pads))
    m, channels = Maker(image), image[3]
    y = m.node(
        "depthwise", op.Conv2D(window, channels), "x",
        m.constant("w", rng.normal(size=(channels, *kernel, 1))),
        m.constant("b", rng.normal(size=channels)),
    )  # fmt: skip
    samples = rng.normal(size=(4, *image[1:])).astype(np.float32)
    name, bits = scheme
    return quantize(m.network(y), samples, scheme=name, bits=bits)


def windows(program: Program) -> int:
    """Return the MACs that multiply several rows of pixels at once."""
    return sum(item.name == "MAC" and item["window"] for item in program.instructions)


@pytest.mark.parametrize("scheme", SCHEMES, ids=[f"{name}{bits}" for name, bits in SCHEMES])
def test_random_layers_on_random_machines(scheme: tuple[str, int]) -> None:
    met = 0
    for seed in range(36):
        rng = np.random.default_rng(seed)
        machine = random_machine(rng, least_words=32)
        machine = machine.with_({"array.line_words": int(rng.choice((0, 8, 64, 64)))})
        network = depthwise(rng, KERNELS[seed % len(KERNELS)], scheme)
        compiled = assert_agrees(network, machine, RULES[seed % len(RULES)], seed)
        found = windows(compiled.program)
        met += found > 0
        assert machine.array.line_words or not found
    assert met > 4


@pytest.mark.parametrize("name", ["base", "wide"])
def test_a_window_moves_no_more_bytes_and_takes_fewer_cycles(name: str) -> None:
    machine, faster = Machine.load(name), 0
    plain = machine.with_({"array.line_words": 0})
    for seed in range(12):
        network = depthwise(np.random.default_rng(seed), (3, 3))
        programs = [MachineNetwork(network, one, "half_up").program for one in (machine, plain)]
        assert moved_bytes(programs[0]) <= moved_bytes(programs[1])
        assert windows(programs[1]) == 0
        faster += estimate(network, machine).cycles < estimate(network, plain).cycles
    assert faster > 6


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("scheme", [("uniform", 8), ("pwlq", 4), ("subset", 4)])
def test_windows_on_rtl(scheme: tuple[str, int]) -> None:
    seen = 0
    for kernel, name in (((2, 2), "nano"), ((3, 2), "small"), ((2, 3), "small")):
        machine = Machine.load(name).with_({"array.line_words": 16})
        for seed in range(2):
            network = depthwise(np.random.default_rng(seed), kernel, scheme)
            compiled = MachineNetwork(network, machine, "half_up")
            seen += windows(compiled.program)
            inputs = random_inputs(network, seed)
            for run in compare_network(compiled, inputs, simulator="icarus"):
                assert not run.difference, run.difference
    assert seen > 3
