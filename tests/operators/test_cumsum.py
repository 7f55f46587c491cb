"""cumsum: every number equal to LiteRT's, floats in its order."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import constant, options

from .litert_cases import Draw, Layer, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime, values


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 6), draw.pick(["int32", "int64", "float32"]))
    axis = draw.between(-len(x.shape), len(x.shape) - 1)
    chosen = options("CumsumOptions", exclusive=draw.flag(), reverse=draw.flag())
    at = constant(np.array(axis, np.int32))
    compare(Layer("CUMSUM", [x, at], [x], chosen, [draw.array(x)]))


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 9, rng.integers(1, 5)))
    axis = int(rng.integers(-len(shape), len(shape)))
    ways = {name: int(rng.integers(2)) for name in ("exclusive", "reverse")}
    dtype = (np.float32, np.int64, np.int32)[rng.integers(3)]
    x = rng.normal(size=shape).astype(dtype) if dtype is np.float32 else values(rng, shape, dtype)
    node = helper.make_node("CumSum", ["x", "a"], ["y"], **ways)
    return [node], {"x": x}, {"a": np.array(axis)}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
