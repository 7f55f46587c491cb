"""QONNX's Quant and BipolarQuant: the bytes of the same network in onnxruntime's own operators."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import npusim
from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

DOMAIN = "qonnx.custom_op.general"


def quant(x: str, y: str, prefix: str, **attributes: int) -> onnx.NodeProto:
    """Return a Quant of parameters whose names begin with `prefix`."""
    names = [x, *(f"{prefix}_{what}" for what in ("scale", "zero", "bits"))]
    return helper.make_node("Quant", names, [y], domain=DOMAIN, **attributes)


def of_qonnx(nodes: list, x: np.ndarray, held: dict) -> onnx.ModelProto:
    proto = model(nodes, {"x": x}, held, {"y": np.float32})
    proto.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return proto


@pytest.mark.parametrize("seed", range(200))
def test_a_layer_equals_quantize_clip_dequantize_in_onnxruntime(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(2, 9))
    signed, narrow = (int(v) for v in rng.integers(2, size=2))
    kind = np.int8 if signed else np.uint8
    least = -(1 << bits - 1) + narrow if signed else 0
    most = (1 << bits - 1) - 1 if signed else (1 << bits) - 1 - narrow
    channels = int(rng.integers(1, 5))
    x = rng.normal(size=(1, 2, 4, 4)).astype("f")
    w = rng.normal(size=(channels, 2, 3, 3)).astype("f")
    scales = rng.uniform(0.05, 0.3, (channels, 1, 1, 1)).astype("f")
    held = {
        "w": w, "a_scale": np.float32(rng.uniform(0.05, 0.4)), "a_zero": np.float32(0),
        "a_bits": np.float32(bits), "w_scale": scales, "w_zero": np.float32(0),
        "w_bits": np.float32(4), "o_scale": np.float32(rng.uniform(0.1, 1)),
        "o_zero": np.float32(0), "o_bits": np.float32(8),
    }  # fmt: skip
    nodes = [
        quant("x", "a", "a", signed=signed, narrow=narrow),
        quant("w", "v", "w", signed=1, narrow=1),
        helper.make_node("Conv", ["a", "v"], ["s"]),
        quant("s", "y", "o", signed=1, narrow=0),
    ]
    found = npusim_run(loaded(of_qonnx(nodes, x, held)), {"x": x})["y"]
    flat = scales.ravel()
    codes = np.clip(np.rint(w / scales), -7, 7).astype(np.int8)
    same = {
        "sa": held["a_scale"], "za": kind(0), "least": kind(least), "most": kind(most),
        "w": codes, "sw": flat, "zw": np.zeros(channels, np.int8), "so": held["o_scale"],
        "zo": np.int8(0),
    }  # fmt: skip
    make = helper.make_node
    standard = [
        make("QuantizeLinear", ["x", "sa", "za"], ["q"]),
        make("Clip", ["q", "least", "most"], ["c"]),
        make("DequantizeLinear", ["c", "sa", "za"], ["a"]),
        make("DequantizeLinear", ["w", "sw", "zw"], ["v"], axis=0),
        make("Conv", ["a", "v"], ["s"]),
        make("QuantizeLinear", ["s", "so", "zo"], ["t"]),
        make("DequantizeLinear", ["t", "so", "zo"], ["y"]),
    ]
    (expected,) = session(model(standard, {"x": x}, same, {"y": np.float32}), ALL).run(
        None, {"x": x}
    )
    np.testing.assert_array_equal(found, expected)


def test_two_values_stand_for_signs() -> None:
    x = np.float32([[-1, -0.0, 0, 2]])
    nodes = [
        helper.make_node("BipolarQuant", ["x", "s"], ["a"], domain=DOMAIN),
        helper.make_node("BipolarQuant", ["w", "s"], ["v"], domain=DOMAIN),
        helper.make_node("MatMul", ["a", "v"], ["y"]),
    ]
    w = np.float32([[1, -1], [0, 3], [-2, 5], [7, -0.1]])
    held = {"s": np.float32(0.5), "w": w}
    found = npusim_run(loaded(of_qonnx(nodes, x, held)), {"x": x})["y"]
    signs = np.where(w >= 0, 1, -1)
    np.testing.assert_array_equal(found, 0.25 * (np.where(x >= 0, 1, -1) @ signs))


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"a_bits": np.float32(16)}, "1..8 bits"), ({"a_zero": np.float32(0.5)}, "integer zero")],
)
def test_what_is_not_read_is_named(changed: dict, said: str) -> None:
    held = {"a_scale": np.float32(1), "a_zero": np.float32(0), "a_bits": np.float32(4)} | changed
    x = np.zeros((1, 2), np.float32)
    with pytest.raises(npusim.NpuError, match=said):
        loaded(of_qonnx([quant("x", "y", "a")], x, held))
