"""local_response_normalization: onnxruntime's bytes between Q and DQ, LiteRT's floats."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, Layer, compare, random_layers
from .qdq_cases import Made, any_shape, equals_onnxruntime


def made(rng: np.random.Generator) -> Made:
    attributes = {"alpha": float(rng.uniform(1e-4, 1)), "bias": float(rng.uniform(0.5, 2))}
    size = int(rng.choice([1, 3, 5]))
    return helper.make_node("LRN", ["r"], ["s"], size=size, **attributes), {}, any_shape(rng, 4, 4)


test_bytes = equals_onnxruntime(made)


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    x = draw.plain((draw.between(1, 2), draw.between(1, 3), draw.between(1, 3), 8), "float32")
    chosen = options(
        "LocalResponseNormalizationOptions", radius=draw.between(0, 4), bias=1.0,
        alpha=float(draw.rng.uniform(0.01, 1)), beta=draw.pick([0.5, 0.75, 1.0]),
    )  # fmt: skip
    layer = Layer("LOCAL_RESPONSE_NORMALIZATION", [x], [x], chosen, [draw.array(x, -4, 4)])
    compare(layer, ulp=8, of_largest=True)
