"""quantize: random layers equal LiteRT's three sets of kernels in every byte."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime
from .three_kernels import equals_litert

test_random_layers = equals_litert("QUANTIZE", "QUANTIZE float")


def _of_any_value(rng: np.random.Generator) -> Case:
    """Values without bounds, and none at all, as masks of attention make them."""
    dtype = (np.uint8, np.int8, np.uint16, np.int16)[rng.integers(4)]
    limits = np.iinfo(dtype)
    x = (rng.normal(size=(int(rng.integers(1, 40)), 3)) * 10.0 ** rng.integers(-3, 4)).astype("f")
    x[rng.random(x.shape) < 0.3] = rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38])
    held = {"o": x, "s": np.float32(rng.uniform(0.001, 1))}
    held["z"] = np.asarray(rng.integers(limits.min, limits.max + 1), dtype)
    nodes = [
        helper.make_node("Add", ["x", "o"], ["v"]),
        helper.make_node("QuantizeLinear", ["v", "s", "z"], ["y"]),
    ]
    zeros = {"x": np.zeros_like(x)}
    return nodes, zeros, {k: np.asarray(v) for k, v in held.items()}, {"y": dtype}


test_any_value_equals_onnxruntime = equals_onnxruntime(_of_any_value, opset=21)
