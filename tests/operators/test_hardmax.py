"""hardmax: the places of the greatest values, the first of equal ones, are onnxruntime's."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .float_cases import Made, bits_of_onnxruntime
from .onnx_cases import values


def _random(rng: np.random.Generator) -> Made:
    shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 5)))
    axis = int(rng.integers(-len(shape), len(shape)))
    x = values(rng, shape, np.float32, 3)
    return helper.make_node("Hardmax", ["x"], ["y"], axis=axis), {"x": x}, {}


test_bits = bits_of_onnxruntime(_random, opset=13)
