"""scatter_updates: every element equals onnxruntime's under every reduction."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import NUMBERS, Case, equals_onnxruntime, values

REDUCTIONS = ("none", "add", "mul", "max", "min")


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 5)))
    depth = int(rng.integers(1, len(shape) + 1))
    reduction = REDUCTIONS[rng.integers(len(REDUCTIONS))]
    rows = tuple(rng.integers(1, 5, rng.integers(1, 3)))
    if reduction == "none":  # which of two updates stays is nobody's promise
        rows = (int(rng.integers(1, 4)),)
        places = rng.permutation(int(np.prod(shape[:depth])))[: rows[0]]
        rows = places.shape
        indices = np.stack(np.unravel_index(places, shape[:depth]), -1)
    else:
        indices = np.stack([rng.integers(-n, n, rows) for n in shape[:depth]], -1)
    dtype = NUMBERS[rng.integers(len(NUMBERS))]
    node = helper.make_node("ScatterND", ["x", "i", "u"], ["y"], reduction=reduction)
    updates = values(rng, (*rows, *shape[depth:]), dtype, 9)
    inputs = {"x": values(rng, shape, dtype, 9), "i": indices.astype(np.int64), "u": updates}
    return [node], inputs, {}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
