"""Rules without an integer twin: named on a machine of integers, exact with the float32 unit."""

from __future__ import annotations

import numpy as np
import pytest

from npusim import Machine, load
from npusim import operators as op
from npusim.analysis.proof import prove
from npusim.compiler.compile import compile_network
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.rtl_agreement import compare_network
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.isa.columns import columns_of
from npusim.isa.encoding import encode_program
from npusim.isa.program import Program
from npusim.words import EPILOGUES
from tests.compiler.agreement import assert_agrees, random_inputs

FLOAT = {"array.fp32_requantizer": 1}
INPUTS = 8


TIES = 98 / 26_808
"""A scale whose float32 ties lie on a slope that is no binary fraction: tests/runtimes."""


def dense(scale: float, dead: bool = False) -> Network:
    """A dense layer of .onnx with one scale; `dead`: the last channel's sums all round to 0."""

    def scaled(name: str, shape: tuple[int, ...], value: object) -> Tensor:
        q = Quantization(np.float32(value), np.int64(0))
        return Tensor(name, shape, np.dtype("int8"), q)

    weights = np.full((4, INPUTS), 64, np.int8)
    weights[:, 0] = (1, 3, 7, 11)
    scales, biases = np.full(4, scale, np.float32), np.array([0, 5, -9, 77], np.int32)
    if dead:
        scales[3], biases[3] = 4e-15, np.iinfo(np.int32).min
    sw = Quantization(scales, np.zeros(4, np.int64), 0)
    tensors = {
        "x": scaled("x", (1, INPUTS), 1),
        "w": Tensor("w", weights.shape, np.dtype("int8"), sw, weights),
        "b": Tensor("b", (4,), np.dtype("int32"), None, biases),
        "y": scaled("y", (1, 4), 1),
    }
    node = Node("dense", op.FullyConnected(), ("x", "w", "b"), ("y",))
    return Network("dense", "onnx", (node,), tensors, ("x",), ("y",))


def roundings(program: Program) -> set[str]:
    """Return what ends accumulators in a program."""
    rq = columns_of(encode_program(program.instructions)).groups["RQ"]
    return {EPILOGUES[code] for code in rq.registers["rq_mode"]["rounding"].tolist()}


def test_a_layer_without_a_twin_is_exact_where_the_float32_unit_is_built_in():
    network = dense(TIES)
    integers = Machine.load("nano")
    program = assert_agrees(network, integers.with_(FLOAT)).program
    assert roundings(program) == {"float32"}
    (proof,) = prove(program, network)
    assert proof.differences == ()


def test_a_dead_channel_whose_bias_is_the_least_int32_does_not_keep_the_layer_from_the_unit():
    """shufflenet-v2-12-int8 has 15 of them in one convolution."""
    network = dense(TIES, dead=True)
    program = assert_agrees(network, Machine.load("nano").with_(FLOAT)).program
    assert roundings(program) == {"float32"}
    (proof,) = prove(program, network)
    assert proof.differences == ()


def test_without_the_unit_the_accumulators_are_named():
    network = dense(TIES)
    program = compile_network(network, Machine.load("nano"))
    assert "float32" not in roundings(program)
    (proof,) = prove(program, network)
    assert proof.differing_accumulators > 0


def test_layers_that_have_a_twin_stay_on_the_integer_unit():
    network = dense(0.0123)
    program = assert_agrees(network, Machine.load("nano").with_(FLOAT)).program
    assert roundings(program) == {"half_up"}
    assert prove(program, network)[0].differences == ()


def legacy(depthwise: bool) -> Network:
    """Return a layer whose uint8 weights less their zero point have nine bits, without a twin."""
    rng = np.random.default_rng(depthwise)

    def scaled(name: str, data: tuple[int, ...] | np.ndarray, value: float, zero: int) -> Tensor:
        constant = data if isinstance(data, np.ndarray) else None
        shape = data if constant is None else constant.shape
        q = Quantization(np.float32(value), np.int64(zero))
        return Tensor(name, shape, np.dtype("uint8"), q, constant)

    channels = 5
    weights = rng.integers(0, 256, (channels, 3, 3, 1 if depthwise else channels), np.uint8)
    weights[0, 0, 0, 0], weights[1, 0, 0, 0] = 0, 255
    bias = rng.integers(-9, 9, channels, np.int32)
    tensors = {
        "x": scaled("x", (1, 7, 6, channels), 1, 3),
        "w": scaled("w", weights, TIES, 101),
        "b": Tensor("b", (channels,), np.dtype("int32"), None, bias),
        "y": scaled("y", (1, 7, 6, channels), 1, 128),
    }
    window = op.Window((3, 3), padding=(1, 1, 1, 1))
    layer = op.Conv2D(window, groups=channels if depthwise else 1)
    return Network(
        "legacy",
        "tflite",
        (Node("layer", layer, ("x", "w", "b"), ("y",)),),
        tensors,
        ("x",),
        ("y",),
    )


@pytest.mark.parametrize("depthwise", [False, True])
def test_weights_of_nine_bits_add_into_one_accumulator(depthwise):
    network = legacy(depthwise)
    program = assert_agrees(network, Machine.load("nano").with_(FLOAT), rule="xnnpack").program
    assert roundings(program) == {"float32"}
    (proof,) = prove(program, network)
    assert proof.differences == ()


@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("depthwise", [False, True])
def test_weights_of_nine_bits_on_rtl(depthwise):
    network = legacy(depthwise)
    compiled = MachineNetwork(network, Machine.load("nano").with_(FLOAT), "xnnpack")
    (run,) = compare_network(compiled, random_inputs(network, 1), simulator="icarus")
    assert not run.difference, run.difference


@pytest.mark.parametrize("zero_point", [-128, -39, 0, 86, 127])
def test_a_mean_whose_zero_point_is_inside_the_rounding(zero_point: int) -> None:
    """XNNPACK's, of six pixels: each sixth sum is a tie, and the zero point says which is even."""
    q = Quantization(np.float32(0.5), np.int64(zero_point))
    x = Tensor("x", (1, 2, 3, 5), np.dtype("int8"), q)
    y = Tensor("y", (1, 1, 1, 5), np.dtype("int8"), q)
    node = Node("mean", op.Mean((1, 2), True), ("x",), ("y",))
    network = Network("mean", "tflite", (node,), {"x": x, "y": y}, ("x",), ("y",))
    program = assert_agrees(network, Machine.load("nano").with_(FLOAT), "xnnpack").program
    assert roundings(program) == {"float32"}
    (proof,) = prove(program, network)
    assert proof.differences == ()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["kws_dscnn_int8_QOperator", "ic_resnet8_int8_QDQ"])
def test_every_channel_of_onnxruntimes_networks(shared, name):
    network = load(shared / "models" / "onnx" / f"{name}.onnx")
    compiled = assert_agrees(network, Machine.load("base").with_(FLOAT))
    assert "float32" in roundings(compiled.program)
    assert not any(proof.differences for proof in prove(compiled.program, network))
