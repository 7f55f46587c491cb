"""instance_normalization: between quantized values it has onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .qdq_cases import Made, equals_onnxruntime, normal


def made(rng: np.random.Generator) -> Made:
    shape = (1, *(int(n) for n in rng.integers(2, 7, 3)))
    constants = {"g": normal(rng, shape[1]), "b": normal(rng, shape[1])}
    epsilon = float(10.0 ** rng.integers(-6, -2))
    node = helper.make_node("InstanceNormalization", ["r", "g", "b"], ["s"], epsilon=epsilon)
    return node, constants, shape


test_bytes = equals_onnxruntime(made)
