"""top_k: values and places equal to LiteRT's, equals in its order."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = (*draw.shape(0, 3, 3), draw.between(1, 30))
    x = draw.any_value(shape, TYPES)
    count = draw.between(1, shape[-1])
    data = draw.array(x)
    if draw.flag():
        data = (data // 40 * 40).astype(data.dtype)
    outputs = [
        Value((*shape[:-1], count), x.dtype, x.scale, x.zero_point),
        Value((*shape[:-1], count), "int32"),
    ]
    k = constant(np.array(count, np.int32))
    compare(Layer("TOPK_V2", [x, k], outputs, options("TopKV2Options"), [data]))
