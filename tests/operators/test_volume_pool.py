"""volume_pool: the greatest values are onnxruntime's, means too where every order sums alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    kind = ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool")[rng.integers(4)]
    kernel = rng.choice([1, 2], 3)
    extent = kernel + rng.integers(0, 5, 3)
    x = rng.integers(-64, 65, (2, int(rng.integers(1, 4)), *extent)).astype("f")
    attributes: dict[str, Any] = {}
    if kind.startswith("Global"):
        x = (
            np.repeat(np.repeat(x[:, :, :1, :1, :1], 2, 3), 4, 4)
            * np.arange(1, 3, dtype="f")[:, None]
        )
    else:
        attributes = {"kernel_shape": kernel.tolist(), "strides": rng.integers(1, 3, 3).tolist()}
        attributes["ceil_mode"] = int(rng.integers(2))
        if (kernel > 1).all() and not attributes["ceil_mode"]:
            attributes["pads"] = rng.integers(0, 2, 6).tolist()
            if kind == "AveragePool":
                attributes["count_include_pad"] = 1  # by 8 or by less than three
    node = helper.make_node(kind, ["x"], ["y"], **attributes)
    return [node], {"x": x}, {}, {"y": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)


def _bytes(rng: np.random.Generator) -> Case:
    x = rng.integers(-128, 128, (1, 2, 4, 5, 6)).astype(np.int8)
    pads = rng.integers(0, 2, 6).tolist()
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 3, 2], pads=pads)
    return [node], {"x": x}, {}, {"y": np.int8}


test_bytes_equal_onnxruntime = equals_onnxruntime(_bytes, cases=50)
