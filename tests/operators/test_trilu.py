"""trilu: every triangle equals onnxruntime's."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, values

TYPES = (np.float32, np.int64, np.bool_)


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 7, rng.integers(2, 5)))
    dtype = TYPES[rng.integers(len(TYPES))]
    x = values(rng, shape, np.float32).astype(dtype)
    upper = int(rng.integers(2))
    if rng.random() < 0.3:
        return [helper.make_node("Trilu", ["x"], ["y"], upper=upper)], {"x": x}, {}, {"y": dtype}
    node = helper.make_node("Trilu", ["x", "k"], ["y"], upper=upper)
    return [node], {"x": x}, {"k": np.array(rng.integers(-7, 8))}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
