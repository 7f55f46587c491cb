"""erf: between quantized values it has onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .qdq_cases import Made, any_shape, equals_onnxruntime


def made(rng: np.random.Generator) -> Made:
    return helper.make_node("Erf", ["r"], ["s"]), {}, any_shape(rng)


test_bytes = equals_onnxruntime(made)
