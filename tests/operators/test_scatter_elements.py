"""scatter_elements: every element equals onnxruntime's under every reduction."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import NUMBERS, Case, equals_onnxruntime, values

REDUCTIONS = ("none", "add", "mul", "max", "min")


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 5)))
    axis = int(rng.integers(len(shape)))
    taken = [int(rng.integers(1, n + 1)) for n in shape]
    indices = rng.integers(-shape[axis], shape[axis], taken)
    dtype = NUMBERS[rng.integers(len(NUMBERS))]
    reduction = REDUCTIONS[rng.integers(len(REDUCTIONS))]
    node = helper.make_node(
        "ScatterElements", ["x", "i", "u"], ["y"], axis=axis, reduction=reduction
    )
    inputs = {
        "x": values(rng, shape, dtype, 9), "i": indices, "u": values(rng, taken, dtype, 9)
    }  # fmt: skip
    return [node], inputs, {}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
