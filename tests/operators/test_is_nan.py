"""is_nan: equals onnxruntime's on every kind of float."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    a, b = (rng.choice(np.float32([0, -0.0, 1e-45, 3, -2]), (3, 5)) for _ in range(2))
    nodes = [
        helper.make_node("Div", ["a", "b"], ["x"]),
        helper.make_node("IsNaN", ["x"], ["y"]),
    ]
    return nodes, {"a": a, "b": b}, {}, {"y": np.bool_}


test_equals_onnxruntime = equals_onnxruntime(_random)
