"""The .tflite importer: what it makes of a file, and what it says about one it cannot take."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tflite import BuiltinOperator

from npusim import operators as op
from npusim.errors import FormatError, NpuError, ShapeError, UnsupportedError
from npusim.formats.files import load
from npusim.formats.tflite.refused import REFUSED, WRITTEN_OUT
from npusim.formats.tflite.translate import FORMS
from npusim.prepared.engine import prepare
from tests.simulator.litert_witness import invoke, litert
from tests.simulator.test_tflite_subgraphs import File, Graph
from tests.simulator.tflite_builder import Value, constant, options, single_operator


def depthwise_file(**fields: int) -> bytes:
    weights = np.arange(2 * 3 * 4, dtype=np.int8).reshape(1, 2, 3, 4)
    window = {"padding": 0, "strideH": 2, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    return single_operator(
        "DEPTHWISE_CONV_2D",
        [
            Value((1, 5, 4, 2), "int8", 0.5, 3),
            constant(weights, np.array([0.1, 0.2, 0.3, 0.4]), 0, axis=3),
            constant(np.zeros(4, np.int32), np.array([0.05, 0.1, 0.15, 0.2])),
        ],
        Value((1, 3, 4, 4), "int8", 0.25, -1),
        options("DepthwiseConv2DOptions", **{**window, "fusedActivationFunction": 3, **fields}),
    )


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    return path


def test_depthwise_is_a_convolution_with_as_many_groups_as_channels(tmp_path: Path) -> None:
    network = load(write(tmp_path, depthwise_file()))
    (node,) = network.nodes
    # SAME: H total (3 - 1) * 2 + 2 - 5 = 1, the odd row after; W total 3 - 1 + 4 - 4 = 2
    window = op.Window((2, 3), (2, 1), (1, 1), (0, 1, 1, 1))
    assert node.operator == op.Conv2D(window, 2, op.Clamp(0.0, 6.0))
    weights = network.tensors["t1"]
    assert weights.shape == (4, 2, 3, 1)
    assert weights.quantization is not None
    assert weights.quantization.axis == 0
    shown = weights.in_file_order(weights.data)
    np.testing.assert_array_equal(shown.ravel(), np.arange(24))
    assert shown.shape == (1, 2, 3, 4)
    assert network.inputs == ("t0",)
    assert network.outputs == ("t3",)
    assert network.source == "tflite"


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"strideH": 0}, FormatError, ["depthwise_conv_2d_0", "at least 1", "[0, 1]"]),
        ({"padding": 7}, FormatError, ["padding 0 or 1", "7"]),
        ({"fusedActivationFunction": 5}, UnsupportedError, ["fused activation 5"]),
        ({"padding": 1}, ShapeError, ["t3", "[1, 2, 2, 4]", "[1, 3, 4, 4]"]),
        ({"dilationWFactor": 1 << 30}, NpuError, ["depthwise_conv_2d_0"]),
    ],
)
def test_wrong_options_are_named(
    tmp_path: Path, fields: dict[str, int], error: type, words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        load(write(tmp_path, depthwise_file(**fields)))
    message = str(caught.value)
    assert message.startswith("net.tflite: ")
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_what_is_not_a_tflite_file(tmp_path: Path) -> None:
    for content in (b"", b"TFL3", b"\0" * 100, b"\x1c\0\0\0TFL3"):
        with pytest.raises(FormatError, match=r"net\.tflite: "):
            load(write(tmp_path, content))
    with pytest.raises(FormatError, match="directory"):
        load(tmp_path)
    with pytest.raises(FormatError, match="no such file"):
        load(tmp_path / "missing.tflite")


def test_unknown_operator_and_custom_operator(tmp_path: Path) -> None:
    x = Value((1, 4), "int8", 1.0, 0)
    with pytest.raises(UnsupportedError, match=r"dilate_0: operator DILATE is not"):
        load(write(tmp_path, single_operator("DILATE", [x], x, None)))
    with pytest.raises(UnsupportedError, match="custom operator"):
        load(write(tmp_path, single_operator("CUSTOM", [x], x, None)))


@pytest.mark.parametrize("shape", [(1, -1), (0, 4), (1 << 20, 1 << 20)])
def test_dynamic_and_absurd_shapes(tmp_path: Path, shape: tuple[int, int]) -> None:
    x = Value(shape, "int8", 1.0, 0)
    with pytest.raises((ShapeError, UnsupportedError), match="t0: "):
        load(write(tmp_path, single_operator("LOGISTIC", [x], x, None)))


def test_a_zero_point_outside_the_type(tmp_path: Path) -> None:
    x = Value((1, 4), "int8", 1.0, 200)
    with pytest.raises(FormatError, match="zero point 200 is outside int8"):
        load(write(tmp_path, single_operator("LOGISTIC", [x], x, None)))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none(tmp_path: Path, scale: float) -> None:
    x = Value((1, 4), "int8", scale, 0)
    with pytest.raises(NpuError, match=r"t0: .* finite scale above 0"):
        load(write(tmp_path, single_operator("LOGISTIC", [x], x, None)))


@pytest.mark.shared
def test_float_files_load(shared: Path) -> None:
    folder = shared / "models" / "tflite"
    floats = sorted(folder.glob("*_fp32.tflite"))
    assert len(floats) >= 6
    for path in floats:
        network = load(path)
        assert not network.is_integer
        assert all(t.is_float for t in network.tensors.values() if t.dtype != np.int32)


def test_every_operator_is_a_page_or_a_stated_refusal() -> None:
    """Every name of the schema, StableHLO's too, is written, written out or said why not."""
    kinds = {name for name in vars(BuiltinOperator) if not name.startswith("_")}
    assert kinds - FORMS.keys() - REFUSED.keys() == {"CUSTOM", *WRITTEN_OUT}
    assert not FORMS.keys() & REFUSED.keys()


def test_an_operator_is_named_by_the_newer_field_of_its_code_alone(tmp_path: Path) -> None:
    """Quantizers leave the older field out, whatever the number."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(depthwise_file(), 0))
    model.operatorCodes[0].deprecatedBuiltinCode = 0
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    (node,) = load(write(tmp_path, bytes(builder.Output()))).nodes
    assert node.name == "depthwise_conv_2d_0"


def test_weights_behind_a_dequantize_are_constants(tmp_path: Path) -> None:
    """What weight-only quantization writes; each channel has its scale."""
    file = File()
    graph = Graph(file)
    rng = np.random.default_rng(0)
    integers = rng.integers(-128, 128, (1, 2, 2, 3)).astype(np.int8)
    scales = rng.uniform(0.01, 0.1, 3).astype(np.float32)
    held = graph.tensor(integers)
    quantization = graph.record.tensors[held].quantization
    quantization.scale, quantization.zeroPoint = scales, np.zeros(3, np.int64)
    quantization.quantizedDimension = 3
    x, w, y = (graph.tensor(None, schema.TensorType.FLOAT32) for _ in range(3))
    for index, shape in ((x, (1, 4, 4, 3)), (w, integers.shape), (y, (1, 3, 3, 3))):
        graph.record.tensors[index].shape = np.array(shape, np.int32)
    bias = graph.tensor(rng.normal(size=3).astype(np.float32), schema.TensorType.FLOAT32)
    graph.add("DEQUANTIZE", [held], [w], options("DequantizeOptions"))
    window = {"padding": 1, "strideH": 1, "strideW": 1, "depthMultiplier": 1}
    fields = options("DepthwiseConv2DOptions", **window, dilationHFactor=1, dilationWFactor=1)
    graph.add("DEPTHWISE_CONV_2D", [x, w, bias], [y], fields)
    graph.ends([x], [y])
    content = file.content()
    network = load(write(tmp_path, content))
    assert [node.kind for node in network.nodes] == ["Conv2D"]
    image = rng.normal(size=(1, 4, 4, 3)).astype(np.float32)
    (found,) = prepare(network, "litert").run(image).values()
    np.testing.assert_array_equal(found, invoke(litert(content, "ref"), image))
