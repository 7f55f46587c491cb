"""Nodes that are not as their operator is defined: one line that names the node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.errors import FormatError, NpuError, RangeError, UnsupportedError
from npusim.graph.refusals import Refusals, whole
from tests.operators.litert_cases import Layer, build, integers, network
from tests.simulator.onnxruntime_reference import MICROSOFT
from tests.simulator.tflite_builder import Value, options

FLOAT, INT8 = TensorProto.FLOAT, TensorProto.INT8


def test_what_a_page_raises_is_one_line_with_its_cause() -> None:
    with pytest.raises(FormatError, match=r"n: expected Gather as it is .* out of range") as found:
        with Refusals().collect("n", "Gather"):
            _ = (1, 2)[3]
    assert isinstance(found.value.__cause__, IndexError)
    with pytest.raises(RangeError, match="ours"), whole("n", "Gather"):
        raise RangeError("ours")


INDEXED = {
    "GATHER": Layer("GATHER", [Value((3,), "int32"), Value((2,), "float32")],
                    [Value((2,), "int32")], options("GatherOptions")),
    "GATHER_ND": Layer("GATHER_ND", [Value((3,), "int32"), Value((2, 1), "float32")],
                       [Value((2,), "int32")], options("GatherNdOptions")),
    "SCATTER_ND": Layer("SCATTER_ND", [Value((2, 1), "float32"), Value((2,), "int32"),
                                       integers(3)],
                        [Value((3,), "int32")], options("ScatterNdOptions")),
    "EMBEDDING_LOOKUP": Layer("EMBEDDING_LOOKUP", [Value((2,), "float32"), Value((3, 4), "int8")],
                              [Value((2, 4), "int8")]),
}  # fmt: skip


@pytest.mark.parametrize("layer", INDEXED.values(), ids=INDEXED.keys())
def test_indices_are_integers(layer: Layer) -> None:
    with pytest.raises(UnsupportedError, match=r"expected integers in t\d, found float32"):
        network(build(layer))


def test_what_is_no_integer_has_no_scale() -> None:
    """As a scale beside floats has no meaning, one beside complex numbers has none."""
    x = Value((2,), "complex64", np.float32(0.5), 3)
    of = network(build(Layer("REAL", [x], [Value((2,), "float32")])))
    assert of.tensors[of.inputs[0]].quantization is None


def onnx_file(path: Path, nodes: list, inputs: dict, outputs: dict, constants: dict) -> Path:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [info(n, *kind) for n, kind in inputs.items()],
        [info(n, *kind) for n, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("place", [0, 1, 2, 8, 9, 10, 11])
def test_an_lstm_without_what_it_needs(tmp_path: Path, place: int) -> None:
    held = {"w": np.ones((1, 3, 8), np.int8), "r": np.ones((1, 2, 8), np.int8),
            "s": np.ones(1, np.float32), "z": np.zeros(1, np.int8)}  # fmt: skip
    inputs = ["x", "w", "r", *[""] * 5, "s", "z", "s", "z"]
    inputs[place] = ""
    kind = "DynamicQuantizeLSTM"
    node = helper.make_node(kind, inputs, ["y"], hidden_size=2, domain=MICROSOFT)
    shapes = {"x": (FLOAT, (4, 1, 3))}, {"y": (FLOAT, (4, 1, 1, 2))}
    path = onnx_file(tmp_path / "m.onnx", [node], *shapes, held)
    with pytest.raises(NpuError, match=rf"\({kind}\): input {place} is missing"):
        npusim.load(path)


def test_a_bias_whose_scale_is_computed_is_no_bias_of_integers(tmp_path: Path) -> None:
    """The convolution is not joined then, and says that its bias is no constant."""
    held = {"s": np.float32(0.1), "z": np.int8(0), "w": np.ones((2, 3, 1, 1), np.int8),
            "b": np.ones(2, np.int32)}  # fmt: skip
    dq, make = "DequantizeLinear", helper.make_node
    nodes = [
        make(dq, ["x", "s", "z"], ["xr"]),
        make(dq, ["w", "s", "z"], ["wr"]),
        make(dq, ["b", "t"], ["br"]),
        make("Conv", ["xr", "wr", "br"], ["yr"]),
        make("QuantizeLinear", ["yr", "s", "z"], ["y"]),
    ]
    inputs = {"x": (INT8, (1, 3, 2, 2)), "t": (FLOAT, ())}
    path = onnx_file(tmp_path / "m.onnx", nodes, inputs, {"y": (INT8, (1, 2, 2, 2))}, held)
    with pytest.raises(NpuError, match="expected a constant") as found:
        npusim.load(path)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_a_resize_without_limit(tmp_path: Path, mode: str) -> None:
    """Its places are computed while the file is read: 2^30 of them would take minutes."""
    node = helper.make_node("Resize", ["x", "", "k"], ["y"], mode=mode)
    held = {"k": np.array([1, 1, 1, 2**30], np.float32)}
    shapes = {"x": (FLOAT, (1, 1, 1, 1))}, {"y": (FLOAT, None)}
    path = onnx_file(tmp_path / "m.onnx", [node], *shapes, held)
    with pytest.raises(NpuError, match="the limit is 65536"):
        npusim.load(path)


LIMIT = "the limit is 268435456"
BOMBS: dict[str, tuple[list, dict[str, object], str]] = {
    "Concat": ([("Concat", [f"a{i}", f"a{i}"], f"a{i + 1}", {"axis": 0}) for i in range(40)],
               {"a0": np.zeros(8, np.float32)}, LIMIT),
    "Add": ([("Add", ["a0", "b"], "a40", {})],
            {"a0": np.zeros((1 << 14, 1), np.float32), "b": np.zeros((1, 1 << 14), np.float32)},
            LIMIT),
    "Gather": ([("Gather", ["b", "i"], "a40", {"axis": 0})],
               {"b": np.zeros((1, 1 << 14), np.float32), "i": np.zeros(1 << 14, np.int64)}, LIMIT),
    "Expand": ([("Expand", ["b", "i"], "a40", {})],
               {"b": np.float32(0), "i": np.array([1 << 20, 1 << 20])}, LIMIT),
    "ConstantOfShape": ([("ConstantOfShape", ["i"], "a40", {})],
                        {"i": np.array([1 << 20, 1 << 20])}, LIMIT),
    "Tile": ([("Tile", ["b", "i"], "a40", {})],
             {"b": np.zeros(2, np.float32), "i": np.array([1 << 40])}, LIMIT),
    "Range": ([("Range", ["b", "i", "j"], "a40", {})],
              {"b": np.float32(0), "i": np.float32(1e12), "j": np.float32(1)}, "Range|limit"),
    "Pad": ([("Pad", ["b", "i"], "a40", {})],
            {"b": np.zeros(2, np.float32), "i": np.array([0, 1 << 40])}, LIMIT),
}  # fmt: skip


@pytest.mark.parametrize(("nodes", "held", "message"), BOMBS.values(), ids=BOMBS.keys())
def test_constants_that_unfold(tmp_path: Path, nodes: list, held: dict, message: str) -> None:
    made = [helper.make_node(kind, x, [y], **settings) for kind, x, y, settings in nodes]
    made.append(helper.make_node("Mul", ["x", "a40"], ["y"]))
    shapes = {"x": (FLOAT, (1, 4))}, {"y": (FLOAT, None)}
    path = onnx_file(tmp_path / "m.onnx", made, *shapes, held)
    with pytest.raises(NpuError, match=message) as found:
        npusim.load(path)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("size", [-3, 0, 2**40])
def test_a_window_over_no_channels(tmp_path: Path, size: int) -> None:
    node = helper.make_node("LRN", ["x"], ["y"], size=size)
    shapes = {"x": (FLOAT, (1, 4, 2, 2))}, {"y": (FLOAT, None)}
    with pytest.raises(NpuError, match=f"expected a window of 1 to 65536, found {size}"):
        npusim.load(onnx_file(tmp_path / "m.onnx", [node], *shapes, {}))


@pytest.mark.parametrize("floats_first", [True, False])
@pytest.mark.parametrize(
    ("kind", "domain", "attributes"),
    [
        ("MatMul", "", {}),
        ("FusedMatMul", MICROSOFT, {}),
        ("Gemm", "", {}),
        ("Einsum", "", {"equation": "ij,jk->ik"}),
    ],
)
def test_products_of_integers_and_floats(
    tmp_path: Path, kind: str, domain: str, attributes: dict, floats_first: bool
) -> None:
    types = (FLOAT, TensorProto.INT64)[:: 1 if floats_first else -1]
    graph = helper.make_graph(
        [helper.make_node(kind, ["a", "b"], ["y"], "n", domain=domain, **attributes)],
        "mixed",
        [
            helper.make_tensor_value_info(name, of, [3, 3])
            for name, of in zip("ab", types, strict=True)
        ],
        [helper.make_tensor_value_info("y", FLOAT, [3, 3])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
    path = tmp_path / "mixed.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    )
    with pytest.raises(NpuError, match="n: expected inputs of one type, found"):
        npusim.load(path)


def test_a_name_longer_than_a_file_can_have() -> None:
    name = "a" * 300
    with pytest.raises(FormatError, match="no such file"):
        npusim.load(name)
    with pytest.raises(FormatError, match="expected one of base"):
        npusim.Machine.load(name)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [("BitwiseNot", 1), ("BitwiseAnd", 2), ("BitwiseXor", 2), ("BitShift", 2), ("MaxUnpool", 2)],
)
def test_bits_and_places_are_integers(tmp_path: Path, kind: str, inputs: int) -> None:
    names = ["a", "b"][:inputs]
    options = {"kernel_shape": [1, 1]} if kind == "MaxUnpool" else {}
    node = helper.make_node(kind, names, ["y"], "n", **options)
    shapes = dict.fromkeys(names, (FLOAT, [1, 1, 3, 3]))
    path = onnx_file(tmp_path / "floats.onnx", [node], shapes, {"y": (FLOAT, None)}, {})
    with pytest.raises(UnsupportedError, match=r"n: expected integers in [ab], found float32"):
        npusim.load(path)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "bool"])
def test_any_integers_are_joined(tmp_path: Path, dtype: str) -> None:
    """They have no scale, and a table of every value would not fit."""
    of = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    node = helper.make_node("Concat", ["a", "b"], ["y"], "n", axis=1)
    shapes = dict.fromkeys("ab", (of, [2, 3]))
    network = npusim.load(onnx_file(tmp_path / "c.onnx", [node], shapes, {"y": (of, None)}, {}))
    x = {name: np.arange(6).reshape(2, 3).astype(dtype) for name in "ab"}
    found = npusim.run(network, x).outputs["y"]
    np.testing.assert_array_equal(found, np.concatenate([x["a"], x["b"]], 1))


@pytest.mark.parametrize(("kind", "inputs"), [("Neg", 1), ("Sign", 1), ("Sub", 2)])
def test_truth_has_no_sign(tmp_path: Path, kind: str, inputs: int) -> None:
    names = ["a", "b"][:inputs]
    shapes = dict.fromkeys(names, (TensorProto.BOOL, [3]))
    node = helper.make_node(kind, names, ["y"], "n")
    path = onnx_file(tmp_path / "t.onnx", [node], shapes, {"y": (TensorProto.BOOL, [3])}, {})
    with pytest.raises(UnsupportedError, match="n: expected numbers, found truth values"):
        npusim.load(path)


def test_padding_by_what_the_type_has_not(tmp_path: Path) -> None:
    node = helper.make_node("Pad", ["x", "p", "v"], ["y"], "n")
    held = {"p": np.array([0, 1], np.int64), "v": np.float32(-3)}
    inputs = {"x": (TensorProto.UINT8, [4])}
    path = onnx_file(tmp_path / "p.onnx", [node], inputs, {"y": (TensorProto.UINT8, None)}, held)
    with pytest.raises(FormatError, match=r"n \(Pad\): x is uint8, which has no -3"):
        npusim.load(path)
