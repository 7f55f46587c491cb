"""local_response_normalization: between quantized values it has onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .qdq_cases import Made, any_shape, equals_onnxruntime


def made(rng: np.random.Generator) -> Made:
    attributes = {"alpha": float(rng.uniform(1e-4, 1)), "bias": float(rng.uniform(0.5, 2))}
    size = int(rng.choice([1, 3, 5]))
    return helper.make_node("LRN", ["r"], ["s"], size=size, **attributes), {}, any_shape(rng, 4, 4)


test_bytes = equals_onnxruntime(made)
