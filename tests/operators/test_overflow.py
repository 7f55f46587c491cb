"""Where int32 overflows: the bytes of onnxruntime, and a note where LiteRT can wrap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.formats.tflite.overflow import extreme_sums
from tests.simulator.litert_witness import invoke, litert
from tests.simulator.tflite_builder import Value, constant, options, single_operator

TYPES = {np.dtype("int8"): TensorProto.INT8, np.dtype("uint8"): TensorProto.UINT8}
OUTPUT_SCALES = (1e-5, 1e-7, 1e-8, 1e-9, 1e-30)


def agrees(path: Path, kind: str, names: list[str], constants: dict[str, Any], x: Any) -> None:
    """Require one com.microsoft operator to give onnxruntime's bytes."""
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    attributes = {"axis": -1, "opset": 13} if kind == "QLinearSoftmax" else {}
    node = helper.make_node(kind, names, ["y"], domain="com.microsoft", **attributes)
    info = [helper.make_tensor_value_info(n, TYPES[x.dtype], x.shape) for n in ("x", "y")]
    graph = helper.make_graph([node], "g", info[:1], info[1:], stored)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    )
    (expected,) = onnxruntime.InferenceSession(path).run(None, {"x": x})
    np.testing.assert_array_equal(npusim.run(npusim.load(path), x).outputs["y"], expected)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scale", OUTPUT_SCALES)
@pytest.mark.parametrize("kind", ["QLinearAdd", "QLinearMul"])
def test_sums_and_products(tmp_path: Path, kind: str, scale: float, dtype: np.dtype) -> None:
    rng, low = np.random.default_rng(1), np.iinfo(dtype).min
    x, b = (rng.integers(low, low + 256, (1, 67)).astype(dtype) for _ in range(2))
    names = ["x", "s", "z", "b", "s", "z", "t", "z"]
    zero = np.array(3, dtype)
    constants = {"s": np.float32(0.1), "t": np.float32(scale), "z": zero, "b": b}
    agrees(tmp_path / "m.onnx", kind, names, constants, x)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scale", [8.8e-5, 1e-6, 1e-12])
@pytest.mark.parametrize("zero", [-128, 3])
@pytest.mark.parametrize("input_scale", [8.8e-5, 0.05, 5.0])
def test_softmax(
    tmp_path: Path, zero: int, input_scale: float, scale: float, dtype: np.dtype
) -> None:
    low = np.iinfo(dtype).min
    zero_point = np.array(max(zero, low), dtype)
    x = np.random.default_rng(1).integers(low, low + 256, (4, 11)).astype(dtype)
    constants = {
        "s": np.float32(input_scale), "t": np.float32(scale), "z": zero_point,
    }  # fmt: skip
    agrees(tmp_path / "m.onnx", "QLinearSoftmax", ["x", "s", "z", "t", "z"], constants, x)


def test_the_ends_of_a_sum() -> None:
    weights = np.array([[1, -2], [100, 27], [0, 0]], np.int8)
    bias = np.array([2**31 - 1 - 3 * 255, 2**31 - 1 - 127 * 255 + 1, -(2**31)], np.int32)
    least, most = extreme_sums(weights, bias, -128, 127, -128)
    assert list(most) == [bias[0] + 255, 2**31, -(2**31)]
    assert list(least) == [bias[0] - 2 * 255, bias[1], -(2**31)]
    assert [list(ends) for ends in extreme_sums(weights, None, -128, 127, 0)] == [
        [-128 - 2 * 127, -128 * 127, 0], [127 + 2 * 128, 127 * 127, 0],
    ]  # fmt: skip


def convolution(bias: int, ratio: float) -> bytes:
    """Return a .tflite file of one 1 x 1 convolution by the weight 1."""
    scale = np.float32(0.5)
    return single_operator(
        "CONV_2D",
        [
            Value((1, 1, 4, 1), "int8", scale, 0),
            constant(np.ones((1, 1, 1, 1), np.int8), np.array([scale]), 0, 0),
            constant(np.array([bias], np.int32), np.array([scale * scale])),
        ],
        Value((1, 1, 4, 1), "int8", np.float32(scale * scale / ratio), 0),
        options("Conv2DOptions", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1),
        3,
    )


SUMS = ("the sums of 1 channels",)
SHIFTED = ("the sums, times a multiplier above 1, of 1 channels",)


@pytest.mark.parametrize(
    ("bias", "ratio", "named"),
    [
        (2**31 - 1 - 127, 0.5, ()),
        (2**31 - 127, 0.5, SUMS),
        (-(2**31) + 128, 0.5, ()),
        (-(2**31) + 127, 0.5, SUMS),
        (2**26 - 127 - 1, 2.0**4, ()),  # 2^4 is 2^30 * 2^(5 - 30): a shift by 5
        (2**26 - 127, 2.0**4, SHIFTED),
        (-(2**26) + 128, 2.0**4, ()),
        (-(2**26) + 127, 2.0**4, SHIFTED),
        (3, 2.0**22, ()),
        (3, 2.0**24, SHIFTED),
    ],
)
def test_where_litert_wraps_is_named_and_nothing_else(
    tmp_path: Path, bias: int, ratio: float, named: tuple[str, ...]
) -> None:
    """The bytes are LiteRT's up to the last sum before the region, and differ in it."""
    content = convolution(bias, ratio)
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    network = npusim.load(path)
    assert len(network.notes) == len(named)
    for note, start in zip(network.notes, named, strict=True):
        assert f"conv_2d_0: {start} (the first is 0) can leave 32 bits, where LiteRT wraps" in note
    x = np.array([-128, -1, 0, 127], np.int8).reshape(1, 1, 4, 1)
    expected = invoke(litert(content, "ref"), x)
    found = npusim.run(network, x, requant="litert").outputs[network.outputs[0]]
    assert np.array_equal(found, expected) == (not named)
