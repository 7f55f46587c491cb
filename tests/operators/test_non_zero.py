"""non_zero: places equal to LiteRT's WHERE and onnxruntime's NonZero, where there are none too."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import NUMBERS, Case, equals_onnxruntime, values


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 6, 4), ("bool", "float32", "int32", "int64", "int8", "uint8"))
    x = Value(x.shape, x.dtype)
    data = draw.array(x, -1, 1)
    data.flat[draw.between(0, data.size - 1)] = 1  # LiteRT's binding shows no empty tensor
    compare(Layer("WHERE", [x], [Value((1, len(x.shape)), "int64")], None, [data]))


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 5, rng.integers(0, 7)))
    dtype = (*NUMBERS[:3], np.uint8, np.bool_)[rng.integers(5)]
    if dtype is np.bool_:
        x = rng.random(shape) < rng.choice([0, 0.5, 1])
    else:
        x = values(rng, shape, dtype, int(rng.choice([1, 3])))
    x = np.asarray(x, dtype)
    return [helper.make_node("NonZero", ["x"], ["y"])], {"x": x}, {}, {"y": np.int64}


test_equals_onnxruntime = equals_onnxruntime(_random)
