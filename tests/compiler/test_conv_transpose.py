"""Transposed convolutions run on the array, phase by phase, with every byte of the kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.lower.conv_transpose import phases
from npusim.engines.machine_network import MachineNetwork
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.graph.tensor import Quantization, Tensor
from npusim.machines import Machine
from npusim.quant.quantize import quantize
from tests.compiler.agreement import assert_agrees, kept
from tests.compiler.machines import random_machine
from tests.quant.networks import Maker

RULES = ("litert", "litert-opt", "xnnpack", "half_up", "half_even", "half_away", "tosa")


def transposed(
    rng: np.random.Generator, dtype: str | None = None, channels: int | None = None
) -> Network:
    """Return one layer of random kernel, stride, dilation, cuts, scales and zero points."""

    def between(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    kind = dtype or ("int8", "uint8")[between(0, 1)]
    inner, outer = between(1, 20), channels or between(1, 20)
    while True:
        kernel, stride, dilation, image = (
            (between(1, most), between(1, most)) for most in (4, 3, 2, 6)
        )
        cuts = (between(0, 2), between(0, 2), between(0, 2), between(0, 2))
        window = op.Window(kernel, stride, dilation, cuts)
        operator = op.ConvTranspose(window, 1, (between(0, 1), between(0, 1)))
        if min(operator.output_size(*image)) > 0:
            break
    limits = np.iinfo(kind)

    def zero_point() -> np.ndarray:
        return np.array(rng.choice([limits.min, limits.max, between(limits.min, limits.max)]))

    def scale(low: float, high: float) -> np.ndarray:
        return np.array(2.0 ** rng.uniform(low, high), np.float32)

    x = Tensor("x", (1, *image, inner), np.dtype(kind), Quantization(scale(-6, 0), zero_point()))
    shape = (inner, outer, *kernel)
    if kind == "int8":
        per_channel = between(0, 1)
        scales = np.array([scale(-8, -3) for _ in range(outer)]) if per_channel else scale(-8, -3)
        q = Quantization(scales, np.zeros(scales.shape, np.int64), 1 if per_channel else None)
        data = rng.integers(-127, 128, shape).astype(kind)
    else:
        q = Quantization(scale(-8, -3), zero_point())
        data = rng.integers(0, 256, shape).astype(kind)
    w = Tensor("w", shape, np.dtype(kind), q, data)
    inputs, tensors = ["x", "w"], {"x": x, "w": w}
    if between(0, 1):
        values = rng.integers(-9000, 9000, outer).astype(np.int32)
        tensors["b"] = Tensor("b", values.shape, values.dtype, None, values)
        inputs.append("b")
    (out,) = output_shapes("node", operator, [tensors[name].shape for name in inputs])
    tensors["y"] = Tensor("y", out, np.dtype(kind), Quantization(scale(-5, 2), zero_point()))
    node = Node("node", operator, tuple(inputs), ("y",))
    return Network("transposed", "npusim", (node,), tensors, ("x",), ("y",))


@pytest.mark.parametrize("seed", range(200))
def test_phases_give_the_bytes_of_the_kernels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = transposed(rng)
    machine = random_machine(rng, 16) if seed % 3 else Machine.load("nano")
    rule = RULES[seed % len(RULES)]
    compiled = assert_agrees(network, machine, rule, seed)
    if rule not in ("litert-opt", "xnnpack"):  # which end in two roundings, or in float32
        assert [step.kind for step in compiled.program.steps] == ["run"]


@pytest.mark.parametrize(("rule", "channels"), [("litert-opt", 8), ("xnnpack", 9)])
def test_runtimes_of_vectors_and_floats_where_constants_are_exact(rule: str, channels: int) -> None:
    found = []
    for seed in range(20):
        network = transposed(np.random.default_rng(seed), "int8", channels)
        compiled = assert_agrees(network, Machine.load("base"), rule, seed)
        found += [step.kind for step in compiled.program.steps]
    assert found.count("run") >= (20 if rule == "litert-opt" else 12)


def test_a_decoder_keeps_what_it_enlarges_on_chip() -> None:
    """Phases read one tensor, with the padding of the one that reaches farthest."""
    m = Maker((1, 5, 4, 6))
    rng = np.random.default_rng(3)
    conv = op.Conv2D(op.Window((1, 1)))
    source = m.node("encode", conv, "x", m.constant("w0", rng.normal(size=(20, 1, 1, 6))))
    narrow = quantize(m.network(source), rng.normal(size=(4, 5, 4, 6)).astype(np.float32))
    x = narrow.tensors[narrow.outputs[0]]
    q = Quantization(np.array(0.01, np.float32), np.array(0))
    data = rng.integers(-127, 128, (20, 7, 4, 3)).astype(np.int8)
    w = Tensor("wide", data.shape, data.dtype, q, data)
    operator = op.ConvTranspose(op.Window((4, 3), (2, 2), (1, 1), (1, 1, 0, 1)))
    (shape,) = output_shapes("larger", operator, [x.shape, w.shape])
    y = Tensor("y", shape, x.dtype, x.quantization)
    network = replace(
        narrow,
        nodes=(*narrow.nodes, Node("larger", operator, (x.name, "wide"), ("y",))),
        tensors=dict(narrow.tensors) | {"wide": w, "y": y}, outputs=("y",),
    )  # fmt: skip
    compiled = assert_agrees(network, Machine.load("small"), "half_up")
    assert [step.kind for step in compiled.program.steps] == ["run"]
    alone = MachineNetwork(network, Machine.load("small"), "half_up")
    assert kept(alone.program) == {x.name}


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_the_phases_meet_each_pair_of_pixel_and_tap_once(stride: int, dilation: int) -> None:
    for kernel, cut, pixels in ((1, 0, 3), (3, 1, 4), (4, 2, 5), (5, 0, 2)):
        outputs = (pixels - 1) * stride + (kernel - 1) * dilation + 1 - cut
        found = [
            (phase.first + i * stride, i - phase.before + j * phase.dilation, tap)
            for phase in phases(outputs, kernel, stride, dilation, cut)
            for i in range(len(range(phase.first, outputs, stride)))
            for j, tap in enumerate(phase.taps)
        ]
        inside = sorted(at for at in found if 0 <= at[1] < pixels)
        wanted = [
            (pixel * stride + tap * dilation - cut, pixel, tap)
            for pixel in range(pixels)
            for tap in range(kernel)
        ]
        assert inside == sorted(at for at in wanted if 0 <= at[0] < outputs)
