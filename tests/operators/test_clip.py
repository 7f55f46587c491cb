"""clip: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime
from .three_kernels import equals_litert

test_random_layers = equals_litert("RELU", "RELU6", "RELU_N1_TO_1")


def _integers(rng: np.random.Generator) -> Case:
    dtype = (np.int32, np.int64, np.int8, np.uint8)[rng.integers(4)]
    low, high = np.sort(rng.integers(0, 100, 2)).astype(dtype)
    x = rng.integers(0, 127, 40).astype(dtype)
    names = (["x", "low"], ["x", "", "high"], ["x", "low", "high"])[rng.integers(3)]
    held = {name: value for name, value in {"low": low, "high": high}.items() if name in names}
    return [helper.make_node("Clip", names, ["y"])], {"x": x}, held, {"y": dtype}


test_integers_equal_onnxruntime = equals_onnxruntime(_integers)


def _of_16_bits(rng: np.random.Generator) -> Case:
    """Relu, Clip and MaxPool between Q and DQ of 16 bits, as networks for mobile NPUs have them."""
    dtype = (np.uint16, np.int16)[rng.integers(2)]
    limits = np.iinfo(dtype)
    held = {"s": np.float32(rng.uniform(1e-4, 1e-3)), "lo": np.float32(-1), "hi": np.float32(1.7)}
    held["z"] = dtype(rng.integers(limits.min, limits.max + 1) if dtype is np.uint16 else 0)
    kind = ("Relu", "Clip", "MaxPool")[rng.integers(3)]
    names = {"Clip": ["d", "lo", "hi"]}.get(kind, ["d"])
    window = {"kernel_shape": [2, 2]} if kind == "MaxPool" else {}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node(kind, names, ["r"], **window),
        helper.make_node("QuantizeLinear", ["r", "s", "z"], ["t"]),
        helper.make_node("DequantizeLinear", ["t", "s", "z"], ["y"]),
    ]
    x = (rng.normal(size=(1, *rng.integers(2, 7, 3))) * 5).astype("f")
    return nodes, {"x": x}, {k: np.asarray(v) for k, v in held.items()}, {"y": np.float32}


test_16_bits_equal_onnxruntime = equals_onnxruntime(_of_16_bits, opset=21)
