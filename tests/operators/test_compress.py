"""compress: what onnxruntime chooses, along an axis and of a vector, nothing and everything."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime, values

TYPES = (np.float32, np.int64, np.int32, np.int8, np.uint8)


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 5, rng.integers(1, 7)))
    axis = int(rng.integers(-len(shape), len(shape)))
    along = bool(rng.integers(2))
    length = shape[axis] if along else int(np.prod(shape))
    condition = rng.random(int(rng.integers(1, length + 1))) < rng.choice([0, 0.5, 1])
    node = helper.make_node("Compress", ["x", "c"], ["y"], **({"axis": axis} if along else {}))
    dtype = TYPES[rng.integers(len(TYPES))]
    inputs = {"x": values(rng, shape, dtype), "c": condition}
    return [node], inputs, {}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
