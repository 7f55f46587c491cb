"""`estimate` of float networks and of files of shapes alone: the cost of what is quantized."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import npusim
from npusim import operators as op
from npusim.engines.estimate import estimate
from npusim.graph.network import Network, Node
from npusim.graph.state import State
from npusim.graph.tensor import Tensor
from npusim.machines import Machine
from npusim.operators.comparison import Comparison
from npusim.operators.loop import Loop
from tools import resnet

ROOT = Path(__file__).resolve().parents[2]
SIZE = 32
"""Side of the images: all layers of the networks, in little time."""


def test_shapes_alone_cost_what_the_same_network_with_weights_costs() -> None:
    bare, full = resnet.resnet(18, SIZE), resnet.resnet(18, SIZE, seed=1)
    assert len(bare.absent_weights) == 2 * 21  # 20 convolutions and a classifier
    assert not full.absent_weights
    machine = Machine.load("base")
    a, b = (estimate(network, machine) for network in (bare, full))
    assert [layer.as_json() for layer in a.layers] == [layer.as_json() for layer in b.layers]
    assert a.cycles == b.cycles > 0


@pytest.mark.parametrize(("depth", "macs"), [(18, 1_814_073_344), (50, 4_089_184_256)])
def test_shapes_are_those_of_the_paper(depth: int, macs: int) -> None:
    """1.8 and 3.8 GFLOPs in its table 1; the stride in the 3x3 convolution adds to the latter."""
    model = resnet.resnet_onnx(depth)
    onnx.checker.check_model(model, full_check=True)
    network = resnet.resnet(depth)
    found = sum(npusim.operators.count.layer_macs(network, node) for node in network.nodes)
    assert found == macs


def test_batch_normalization_of_absent_statistics_disappears(tmp_path: Path) -> None:
    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    statistics = ["scale", "offset", "mean", "variance"]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["y", *statistics], ["z"]),
        helper.make_node("Relu", ["z"], ["out"]),
    ]
    inputs = [value("x", 1, 3, 8, 8), value("w", 5, 3, 3, 3), *(value(s, 5) for s in statistics)]
    graph = helper.make_graph(nodes, "shapes", inputs, [value("out", 1, 5, 8, 8)])
    path = tmp_path / "shapes.onnx"
    onnx.save(helper.make_model(graph, ir_version=8), path)
    network = npusim.load(path)
    assert network.absent_weights == {"w", *statistics}
    found = estimate(network, Machine.load("small"))
    assert [layer.operator for layer in found.layers] == ["Conv2D"]
    assert found.macs == 8 * 8 * 5 * 27


def single(name: str, *shape: int, held: bool = False) -> Tensor:
    data = np.ones(shape, np.float32) if held else None
    return Tensor(name, shape, np.dtype(np.float32), None, data)


def behind_a_dense_layer(*nodes: Node, tensors: list[Tensor], state: tuple[State, ...]) -> Network:
    """Return x [1 4] -> h [1 6], by weights of float32, and what follows."""
    dense = Node("dense", op.FullyConnected(), ("x", "w"), ("h",))
    mine = [single("x", 1, 4), single("w", 6, 4, held=True), single("h", 1, 6)]
    named = {tensor.name: tensor for tensor in (*mine, *tensors)}
    return Network("net", "tflite", (dense, *nodes), named, ("x",), ("y",), (), state)


def with_state() -> Network:
    kept = State("s", "y", np.zeros((1, 6), np.float32))
    tensors = [single("s", 1, 6), single("y", 1, 6)]
    add = Node("add", op.Add(), ("h", "s"), ("y",))
    return behind_a_dense_layer(add, tensors=tensors, state=(kept,))


def with_a_loop() -> Network:
    """The condition has no layer of weights, and takes the loop's floats all the same."""
    given, truth = single("a", 1, 6), Tensor("t", (1,), np.dtype(bool))
    half = single("half", 1, held=True)
    least = Node("least", op.ReduceMax((1,), False), ("a",), ("m",))
    less = Node("less", Comparison("LESS"), ("m", "half"), ("t",))
    tensors = {t.name: t for t in (given, half, single("m", 1), truth)}
    condition = Network("condition", "tflite", (least, less), tensors, ("a",), ("t",))
    twice = Node("twice", op.Add(), ("a", "a"), ("b",))
    inside = {t.name: t for t in (given, single("b", 1, 6))}
    body = Network("body", "tflite", (twice,), inside, ("a",), ("b",))
    loop = Node("loop", Loop(condition, body), ("h",), ("y",))
    return behind_a_dense_layer(loop, tensors=[single("y", 1, 6)], state=())


def with_a_transposed_convolution() -> Network:
    image = Node("image", op.Reshape((1, 1, 1, 6)), ("h",), ("i",))
    window = op.Window((2, 2), (2, 2))
    tconv = Node("tconv", op.ConvTranspose(window), ("i", "k", "b"), ("y",))
    tensors = [
        single("i", 1, 1, 1, 6), single("k", 6, 3, 2, 2, held=True), single("b", 3, held=True),
        single("y", 1, 2, 2, 3),
    ]  # fmt: skip
    return behind_a_dense_layer(image, tconv, tensors=tensors, state=())


@pytest.mark.parametrize("make", [with_state, with_a_loop, with_a_transposed_convolution])
def test_float_networks_with_state_loops_and_biases_have_a_cost(make: Callable) -> None:
    found = estimate(make(), Machine.load("base"))
    assert found.macs + sum(row.cycles for row in found.host) > 0
    assert {row.name for row in found.layers} >= {"dense"}
