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
