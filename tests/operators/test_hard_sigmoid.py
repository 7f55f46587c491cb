"""hard_sigmoid: between quantized values it has onnxruntime's bytes."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .qdq_cases import Made, any_shape, equals_onnxruntime


def made(rng: np.random.Generator) -> Made:
    alpha, beta = float(rng.uniform(0.05, 0.6)), float(rng.uniform(0.1, 0.9))
    attributes = {} if rng.random() < 0.3 else {"alpha": alpha, "beta": beta}
    return helper.make_node("HardSigmoid", ["r"], ["s"], **attributes), {}, any_shape(rng)


test_bytes = equals_onnxruntime(made)
