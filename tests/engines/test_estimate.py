"""`estimate` of float networks and of files of shapes alone: the cost of what is quantized."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

import npusim
from npusim.engines.estimate import estimate
from npusim.machines import Machine
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
