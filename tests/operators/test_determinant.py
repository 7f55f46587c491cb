"""determinant: onnxruntime's values, but for the last places."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    size = int(rng.integers(1, 6))
    x = rng.uniform(-1, 1, (*rng.integers(1, 4, rng.integers(0, 3)), size, size)).astype("f")
    return [helper.make_node("Det", ["x"], ["y"])], {"x": x}, {}, {"y": np.float32}


test_is_close_to_onnxruntime = equals_onnxruntime(_random, last_places=32)
