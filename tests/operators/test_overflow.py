"""Where int32 overflows: the bytes of onnxruntime, and a note where sums of LiteRT can wrap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.formats.tflite.overflow import wrapping_sums

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


def test_sums_that_can_wrap_are_named() -> None:
    weights = np.array([[1, -2], [100, 27], [0, 0]], np.int8)
    bias = np.array([2**31 - 1 - 3 * 255, 2**31 - 1 - 127 * 255 + 1, -(2**31)], np.int32)
    assert wrapping_sums(weights, bias, -128, 127, -128) == (1,)
    assert wrapping_sums(weights, None, -128, 127, 0) == ()
