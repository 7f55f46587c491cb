"""dynamic_lstm: what quantize_dynamic makes of an LSTM has onnxruntime's bits in every state."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, recurrent_case


def _random(rng: np.random.Generator) -> Case:
    inputs, held, attributes = recurrent_case(rng, 4)
    if "h" in inputs:
        inputs["c"] = rng.normal(size=inputs["h"].shape).astype("f")
    ways = len(held["w"])
    dtype = (np.int8, np.uint8)[rng.integers(2)]
    limits = np.iinfo(dtype)
    by_column = rng.random() < 0.5
    for name in "wr":
        weights = np.ascontiguousarray(held[name].swapaxes(1, 2))
        size = (ways, weights.shape[2]) if by_column else (ways,)
        held[f"{name}s"] = rng.uniform(0.001, 0.02, size).astype("f")
        zero = 0 if by_column else int(rng.integers(-3, 4)) + (limits.min + limits.max + 1) // 2
        held[f"{name}z"] = np.full(size, zero, dtype)
        held[name] = rng.integers(limits.min // 2, limits.max // 2, weights.shape).astype(dtype)
    names = ("x", "w", "r", "b", "", "h", "c", "", "ws", "wz", "rs", "rz")
    names = [name if name in {**inputs, **held} else "" for name in names]
    outputs = {"y": np.float32, "yh": np.float32, "yc": np.float32}
    node = helper.make_node(
        "DynamicQuantizeLSTM", names, list(outputs), domain="com.microsoft", **attributes
    )
    return [node], inputs, held, outputs


test_equals_onnxruntime = equals_onnxruntime(_random)
