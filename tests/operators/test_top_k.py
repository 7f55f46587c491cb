"""top_k: values and places equal to LiteRT's, equals in its order."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime, values

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


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 5, rng.integers(0, 3)))
    axis = int(rng.integers(len(shape) + 1))
    shape = (*shape[:axis], int(rng.integers(1, 40)), *shape[axis:])
    count = int(rng.integers(1, shape[axis] + 1))
    dtype = (np.float32, np.int64, np.int32)[rng.integers(3)]
    node = helper.make_node(
        "TopK", ["x", "k"], ["v", "i"], axis=axis - len(shape), largest=int(rng.integers(2))
    )
    x = values(rng, shape, dtype, int(rng.choice([3, 100])))
    return [node], {"x": x}, {"k": np.array([count])}, {"v": dtype, "i": np.int64}


test_equals_onnxruntime = equals_onnxruntime(_random)
