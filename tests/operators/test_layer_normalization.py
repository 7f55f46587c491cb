"""layer_normalization: between quantized values it has onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .qdq_cases import Made, any_shape, equals_onnxruntime, normal


def made(rng: np.random.Generator) -> Made:
    shape = (*any_shape(rng, 1, 2), int(rng.integers(2, 40)))
    constants = {"g": normal(rng, shape[-1]), "b": normal(rng, shape[-1])}
    epsilon = float(10.0 ** rng.integers(-6, -2))
    names = ["r", "g", "b"] if rng.random() < 0.7 else ["r", "g"]
    node = helper.make_node("LayerNormalization", names, ["s"], axis=-1, epsilon=epsilon)
    return node, {name: constants[name] for name in names[1:]}, shape


test_bytes = equals_onnxruntime(made)
