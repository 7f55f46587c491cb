"""rms_normalization: between quantized values it has onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .qdq_cases import Made, any_shape, equals_onnxruntime, normal


def made(rng: np.random.Generator) -> Made:
    shape = (*any_shape(rng, 1, 2), int(rng.integers(2, 40)))
    epsilon = float(10.0 ** rng.integers(-6, -2))
    node = helper.make_node("RMSNormalization", ["r", "g"], ["s"], axis=-1, epsilon=epsilon)
    return node, {"g": normal(rng, shape[-1])}, shape


test_bytes = equals_onnxruntime(made)
