"""gru: every hidden state of every step has onnxruntime's bits."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, recurrent_case


def _random(rng: np.random.Generator) -> Case:
    linear = int(rng.integers(2))
    inputs, held, attributes = recurrent_case(rng, 3)
    steps, samples = inputs["x"].shape[:2]
    if rng.random() < 0.3:
        held["n"] = rng.integers(1, steps + 1, samples).astype(np.int32)
    names = [name if name in {**inputs, **held} else "" for name in ("x", "w", "r", "b", "n", "h")]
    node = helper.make_node("GRU", names, ["y", "yh"], linear_before_reset=linear, **attributes)
    return [node], inputs, held, {"y": np.float32, "yh": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)
