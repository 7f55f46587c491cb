"""Tensors that stay in ACT: the bytes of the kernels, fewer of DRAM, on any machine."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.compile import compile_network
from npusim.engines.machine_network import MachineNetwork
from npusim.errors import CapacityError
from npusim.graph.network import Network
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.quant.quantize import quantize
from npusim.simulator.counts import event_counts
from npusim.simulator.timing.timeline import time_code
from tests.compiler.agreement import kept, prove_program, random_inputs
from tests.compiler.machines import random_machine
from tests.quant.networks import Maker

RULES = ("half_up", "half_even", "tosa", "litert")


def random_chain(rng: np.random.Generator, longest: int = 9) -> Network:
    """Return a quantized chain of layers of every window, with additions and a mean at its end.

    Images have up to `longest` rows and columns.
    """

    def between(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    image = (1, between(1, longest), between(1, longest), between(1, 20))
    m = Maker(image)
    source, shapes = "x", {"x": image}
    for number in range(between(3, 6)):
        _, height, width, channels = shapes[source]
        kind = ("conv", "depthwise", "pointwise", "add")[between(0, 3)]
        out = channels if kind in ("depthwise", "add") else between(1, 24)
        kernel = (1, 1) if kind == "pointwise" else (between(1, 4), between(1, 4))
        dilation = (between(1, 2), between(1, 2))
        pads = [
            (between(0, (k - 1) * d), between(0, (k - 1) * d))
            for k, d in zip(kernel, dilation, strict=True)
        ]
        stride = (1, 1) if kind == "add" else (between(1, 2), between(1, 2))
        if kind == "add":  # the image keeps its size
            pads = [((k - 1) * d, 0) for k, d in zip(kernel, dilation, strict=True)]
        extents = [
            size + sum(pad) - (k - 1) * d
            for size, pad, k, d in zip((height, width), pads, kernel, dilation, strict=True)
        ]
        if min(extents) < 1:
            continue
        window = op.Window(kernel, stride, dilation, (*pads[0], *pads[1]))
        depthwise = kind == "depthwise" and channels > 1
        weights = rng.normal(size=(out, *kernel, 1 if depthwise else channels))
        name = f"n{number}"
        y = m.node(
            name, op.Conv2D(window, channels if depthwise else 1), source,
            m.constant(f"w{number}", weights),
            m.constant(f"b{number}", rng.normal(size=out)),
        )  # fmt: skip
        if kind == "add":
            operands = (source, y) if between(0, 1) else (y, source)
            y = m.node(f"a{number}", op.Add(), *operands)
        source, shapes[y] = y, m.tensors[y].shape
    if between(0, 1):
        source = m.node("mean", op.Mean((1, 2), False), source)
    if source == "x":
        weights = m.constant("w", rng.normal(size=(3, 1, 1, image[3])))
        source = m.node("n", op.Conv2D(op.Window((1, 1))), "x", weights)
    samples = rng.normal(size=(4, *image[1:])).astype(np.float32)
    return quantize(m.network(source), samples, scheme="uniform", bits=8)


def moved_bytes(program: Program) -> int:
    """Return the DRAM bytes of LD and ST."""
    run = program.runs()[0]
    timeline = time_code(
        program.code(run),
        program.machine,
        program.region_addresses(),
        code_address=program.code_address(),
    )
    counts = event_counts(timeline).total()
    return counts["dram_read_bytes"] + counts["dram_write_bytes"]


@pytest.mark.parametrize("part", range(6))
def test_random_chains_on_random_machines(part: int) -> None:
    met: Counter[str] = Counter()
    for seed in range(15 * part, 15 * part + 15):
        rng = np.random.default_rng(seed)
        network, machine = random_chain(rng), random_machine(rng, least_words=32)
        rule = RULES[seed % len(RULES)]
        try:
            compiled = MachineNetwork(network, machine, rule)
        except CapacityError:
            continue
        prove_program(compiled.program)
        inputs = random_inputs(network, seed)
        found, _ = compiled.run(inputs, network.outputs)
        expected = prepare(network, compiled.program.requant).run(inputs, keep=network.outputs)
        for name in network.outputs:
            assert np.array_equal(found[name], expected[name]), (seed, name)
        stored = compile_network(network, machine, rule, keep_tensors=True)
        assert moved_bytes(compiled.program) <= moved_bytes(stored), seed
        met["kept"] += len(kept(compiled.program))
        met["run"] += 1
    assert met["run"] > 7, met
    assert met["kept"] > met["run"], met


def test_a_kept_tensor_is_neither_stored_nor_loaded() -> None:
    rng = np.random.default_rng(1)
    m = Maker((1, 6, 6, 16))
    window = op.Window((3, 3), padding=(1, 1, 1, 1))
    source = "x"
    for number in range(3):
        weights = m.constant(f"w{number}", rng.normal(size=(16, 3, 3, 16)))
        source = m.node(f"n{number}", op.Conv2D(window), source, weights)
    network = quantize(m.network(source), rng.normal(size=(4, 6, 6, 16)), scheme="uniform", bits=8)
    program = compile_network(network, Machine.load("base"))
    assert kept(program) == {layer.output for layer in program.layers[:2]}
    stored = compile_network(network, Machine.load("base"), keep_tensors=True)
    pixels = 6 * 6 * 16
    borders = 2 * 8  # a beat each
    assert moved_bytes(stored) - moved_bytes(program) == 2 * 2 * pixels - borders


@pytest.mark.parametrize("channels", [16, 40, 72, 136])
@pytest.mark.parametrize("name", ["nano", "base"])
def test_vectors_are_one_segment_of_dram(name: str, channels: int) -> None:
    """Whole blocks of a pixel follow each other; the last one may have fewer beats."""
    rng = np.random.default_rng(channels)
    m, machine = Maker((1, 1, 1, channels)), Machine.load(name)
    weights = m.constant("w", rng.normal(size=(channels + 9, 1, 1, channels)))
    network = m.network(m.node("n", op.Conv2D(op.Window((1, 1))), "x", weights))
    network = quantize(network, rng.normal(size=(4, 1, 1, channels)), scheme="uniform", bits=8)
    compiled = MachineNetwork(network, machine, "half_up")
    prove_program(compiled.program)
    inputs = random_inputs(network, 1)
    found, _ = compiled.run(inputs, network.outputs)
    expected = prepare(network, compiled.program.requant).run(inputs, keep=network.outputs)
    for output in network.outputs:
        assert np.array_equal(found[output], expected[output])
    beats = machine.bus.bus_bytes
    moved = sum(-(-size // beats) * beats for size in (channels, channels + 9))
    constants = moved_bytes(compiled.program) - moved
    assert constants == program_constants(compiled.program)


def program_constants(program: Program) -> int:
    """Return the bytes of weights and parameters that the program loads."""
    machine = program.machine
    loads = [i.values for i in program.instructions if i.name == "LD" and i.values["target"]]
    word = {1: machine.size, 2: 4 * machine.size}
    return sum(load["columns"] * word[load["target"]] for load in loads)
