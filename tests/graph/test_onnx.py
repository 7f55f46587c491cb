"""Import of .onnx files: names, layouts, fusion, and what becomes of shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from npusim import operators as op
from npusim.errors import UnsupportedError
from npusim.formats.files import load
from npusim.graph.network import Network
from tests.conftest import DIGITS


def imported(
    folder: Path,
    nodes: list[onnx.NodeProto],
    shape: list[int | str],
    constants: dict[str, NDArray],
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
    outputs: tuple[str, ...] = ("y",),
) -> Network:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return load(path)


def kinds(network: Network) -> list[str]:
    return [node.kind for node in network.nodes]


def weights(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


CONV = helper.make_node("Conv", ["x", "w"], ["c"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def test_activations_are_stored_channels_last(tmp_path: Path) -> None:
    relu = helper.make_node("Relu", ["c"], ["y"])
    w = weights(4, 3, 3, 3)
    network = imported(tmp_path, [CONV, relu], ["batch", 3, 8, 9], {"w": w})
    assert kinds(network) == ["Conv2D", "Clip"]
    for name, channels in (("x", 3), ("c", 4), ("y", 4)):
        assert network.tensors[name].shape == (1, 8, 9, channels)
        assert network.tensors[name].file_order == (0, 3, 1, 2)
    stored = network.tensors["w"]
    assert stored.shape == (4, 3, 3, 3)
    assert stored.data is not None
    np.testing.assert_array_equal(stored.in_file_order(stored.data), w)


def test_a_channels_last_input_needs_no_transpose(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w"], ["y"], kernel_shape=[3, 3]),
    ]
    network = imported(tmp_path, nodes, [1, 8, 9, 3], {"w": weights(4, 3, 3, 3)})
    assert kinds(network) == ["Reshape", "Conv2D"]  # the file's tensor t keeps its name
    assert network.tensors["x"].file_order is None
    assert network.tensors["t"].file_order == (0, 3, 1, 2)


def test_flatten_needs_the_files_order(tmp_path: Path) -> None:
    nodes = [CONV, helper.make_node("Flatten", ["c"], ["y"])]
    network = imported(tmp_path, nodes, [1, 3, 4, 5], {"w": weights(6, 3, 3, 3)})
    assert kinds(network) == ["Conv2D", "Transpose", "Reshape"]
    pool = helper.make_node("GlobalAveragePool", ["c"], ["p"])
    flat = helper.make_node("Flatten", ["p"], ["y"])
    network = imported(tmp_path, [CONV, pool, flat], [1, 3, 4, 5], {"w": weights(6, 3, 3, 3)})
    assert "Transpose" not in kinds(network)  # one pixel: both orders are the same


def test_channel_shuffle_is_one_transpose(tmp_path: Path) -> None:
    nodes = [
        CONV,
        helper.make_node("Reshape", ["c", "five"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["b", "four"], ["y"]),
    ]
    five, four = np.array([1, 2, 3, 4, 5]), np.array([0, -1, 4, 5])
    constants = {"w": weights(6, 3, 3, 3), "five": five, "four": four}
    network = imported(tmp_path, nodes, [1, 3, 4, 5], constants)
    assert kinds(network) == ["Conv2D", "Reshape", "Transpose", "Reshape"]
    assert network.tensors["a"].shape == (1, 4, 5, 2, 3)
    assert network.nodes[2].operator == op.Transpose((0, 1, 2, 4, 3))
    assert network.tensors["y"].shape == (1, 4, 5, 6)


def test_axes_follow_the_layout(tmp_path: Path) -> None:
    nodes = [
        CONV,
        helper.make_node("Split", ["c"], ["a", "b"], axis=1),
        helper.make_node("Concat", ["b", "a"], ["d"], axis=-3),
        helper.make_node("ReduceMean", ["d"], ["y"], axes=[2, 3], keepdims=0),
    ]
    network = imported(tmp_path, nodes, [1, 3, 4, 5], {"w": weights(6, 3, 3, 3)})
    assert kinds(network) == ["Conv2D", "Slice", "Slice", "Concat", "Mean"]
    assert network.nodes[2].operator == op.Slice((0, 0, 0, 3), (1, 4, 5, 6), (1, 1, 1, 1))
    assert network.nodes[3].operator == op.Concat(3)
    assert network.nodes[4].operator == op.Mean((1, 2), keep_dims=False)
    assert network.tensors["y"].shape == (1, 6)


def test_a_bias_per_channel_follows_the_layout(tmp_path: Path) -> None:
    add = helper.make_node("Add", ["c", "b"], ["y"])
    b = weights(6, 1, 1)
    network = imported(tmp_path, [CONV, add], [1, 3, 4, 5], {"w": weights(6, 3, 3, 3), "b": b})
    (name,) = network.nodes[-1].inputs[1:]
    assert network.tensors[name].shape == (1, 1, 1, 6)


def test_shapes_that_the_file_computes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "axis"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    constants = {"zero": np.int64(0), "axis": np.array([0]), "rest": np.array([-1, 5])}
    network = imported(tmp_path, nodes, ["n", 3, 5], constants)
    assert kinds(network) == ["Reshape"]
    assert network.tensors["y"].shape == (1, 3, 5)


def qdq(name: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("QuantizeLinear", [name, "s", "z"], [f"{name}_q"]),
        helper.make_node("DequantizeLinear", [f"{name}_q", "s", "z"], [f"{name}_d"]),
    ]


QDQ_CONSTANTS = {
    "s": np.float32(0.05),
    "z": np.int8(-3),
    "wq": np.random.default_rng(2).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8),
    "ws": np.full(4, 0.02, np.float32),
    "wz": np.zeros(4, np.int8),
}


def test_qdq_groups_become_integer_operators(tmp_path: Path) -> None:
    nodes = [
        *qdq("x"),
        helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["w"], axis=0),
        helper.make_node("Conv", ["x_d", "w"], ["c"], "conv", kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"]),
        *qdq("r"),
        helper.make_node("Flatten", ["r_d"], ["f"]),
        *qdq("f"),
        helper.make_node("Identity", ["f_d"], ["y"]),
    ]
    network = imported(tmp_path, nodes, [1, 3, 5, 5], QDQ_CONSTANTS)
    assert kinds(network) == ["Quantize", "Conv2D", "Transpose", "Reshape", "Dequantize"]
    conv = network.nodes[1]
    assert isinstance(conv.operator, op.Conv2D)
    assert conv.operator.activation == op.Clamp(0.0, None)
    assert conv.outputs == ("r_q",)
    assert any("1 Conv to QLinearConv" in note for note in network.notes)
    assert network.is_integer


def test_what_stays_in_float_is_said(tmp_path: Path) -> None:
    mean = helper.make_node("ReduceMean", ["x_d"], ["m"], "average", axes=[2, 3])
    network = imported(
        tmp_path, [*qdq("x"), mean, *qdq("m")], [1, 3, 4, 4], QDQ_CONSTANTS, outputs=("m_d",)
    )
    assert kinds(network)[:4] == ["Quantize", "Dequantize", "Mean", "Quantize"]
    assert any("kept in float" in note and "average (ReduceMean)" in note for note in network.notes)


def test_one_tensor_read_with_two_scales(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"]),
        helper.make_node("DequantizeLinear", ["x", "s2", "z"], ["y2"]),
    ]
    constants = {"s": np.float32(0.5), "s2": np.float32(0.25), "z": np.int8(1)}
    network = imported(tmp_path, nodes, [1, 4], constants, TensorProto.INT8, outputs=("y", "y2"))
    assert kinds(network) == ["Dequantize", "Reshape", "Dequantize"]
    scales = {float(network.inputs_of(node)[0].quantization.scale) for node in network.nodes[::2]}  # type: ignore[union-attr]
    assert scales == {0.5, 0.25}


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("RandomNormalLike", {}),
        ("Softmax", {"axis": 1}),
        ("Pad", {"mode": "mirror", "pads": [0] * 8}),
    ],
)
def test_what_is_not_supported_says_so(tmp_path: Path, kind: str, attributes: dict) -> None:
    node = helper.make_node(kind, ["x"], ["y"], "node", **attributes)
    with pytest.raises(UnsupportedError, match="node"):
        imported(tmp_path, [node], [1, 3, 8, 8], {}, opset=11)


@pytest.mark.parametrize("name", ["digits_float"])
def test_the_network_of_the_repository(name: str) -> None:
    network = load(DIGITS / f"{name}.onnx")
    assert not network.is_integer
    assert {"Conv2D", "Add", "FullyConnected"} <= set(kinds(network))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"]), "expected 4-D input"),
        (helper.make_node("LRN", ["x"], ["y"], size=2), "expected a computed input"),
    ],
)
def test_what_is_not_read_is_said_in_words(tmp_path: Path, node: onnx.NodeProto, said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        imported(tmp_path, [node], [1, 2, 4, 4, 4], {"w": weights(3, 2, 2, 2, 2)})
