"""shrink: every value is onnxruntime's."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    x = rng.normal(size=rng.integers(1, 8, rng.integers(1, 4))).astype("f")
    given = {"lambd": float(abs(rng.normal())), "bias": float(rng.normal())}
    chosen = {name: value for name, value in given.items() if rng.random() < 0.8}
    x.flat[0] = chosen.get("lambd", 0.5)
    return [helper.make_node("Shrink", ["x"], ["y"], **chosen)], {"x": x}, {}, {"y": np.float32}


test_equals_onnxruntime = equals_onnxruntime(_random)
