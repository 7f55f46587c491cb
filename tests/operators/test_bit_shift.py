"""bit_shift: every value of a byte, by every count of places, equals onnxruntime's."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime


def _random(rng: np.random.Generator) -> Case:
    way = ("LEFT", "RIGHT")[rng.integers(2)]
    a, b = rng.integers(0, 256, (2, 5)), rng.integers(0, 8, (2, 5) if rng.random() < 0.5 else 5)
    given = {"a": a.astype(np.uint8), "b": b.astype(np.uint8)}
    node = helper.make_node("BitShift", ["a", "b"], ["y"], direction=way)
    return [node], given, {}, {"y": np.uint8}


test_equals_onnxruntime = equals_onnxruntime(_random)
