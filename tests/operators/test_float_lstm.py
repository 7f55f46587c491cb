"""float_lstm: every state of every step has onnxruntime's bits, peepholes too."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, recurrent_case


def _random(rng: np.random.Generator) -> Case:
    inputs, held, attributes = recurrent_case(rng, 4)
    ways, hidden = len(held["w"]), attributes["hidden_size"]
    if "h" in inputs:
        inputs["c"] = rng.normal(size=inputs["h"].shape).astype("f")
    if rng.random() < 0.3:
        held["p"] = rng.normal(size=(ways, 3 * hidden)).astype("f")
    steps, samples = inputs["x"].shape[:2]
    if rng.random() < 0.3:
        held["n"] = rng.integers(1, steps + 1, samples).astype(np.int32)
    names = ("x", "w", "r", "b", "n", "h", "c", "p")
    names = [name if name in {**inputs, **held} else "" for name in names]
    outputs = {"y": np.float32, "yh": np.float32, "yc": np.float32}
    return [helper.make_node("LSTM", names, list(outputs), **attributes)], inputs, held, outputs


test_equals_onnxruntime = equals_onnxruntime(_random)
