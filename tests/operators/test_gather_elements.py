"""gather_elements: every element equals onnxruntime's, indices from the end too."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import NUMBERS, Case, equals_onnxruntime, values


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 5)))
    axis = int(rng.integers(len(shape)))
    taken = [int(rng.integers(1, n + 1)) for n in shape]
    taken[axis] = int(rng.integers(1, 8))
    indices = rng.integers(-shape[axis], shape[axis], taken).astype(rng.choice(["i4", "i8"]))
    dtype = NUMBERS[rng.integers(len(NUMBERS))]
    named = axis - len(shape) * int(rng.integers(2))
    node = helper.make_node("GatherElements", ["x", "i"], ["y"], axis=named)
    x = values(rng, shape, dtype)
    if rng.random() < 0.5:
        return [node], {"x": x}, {"i": indices}, {"y": dtype}
    return [node], {"x": x, "i": indices}, {}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
