"""floor_mod: every number equal to LiteRT's, integers and floats of both signs."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, binary, compare, random_layers, unscaled
from .onnx_cases import Case, equals_onnxruntime, values
from .test_div import without_zeros

TYPES = ("int8", "int16", "int32", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = binary(draw, "FLOOR_MOD", TYPES, options("FloorModOptions"), low=-30, high=30)
    layer.inputs = [x and unscaled(x) for x in layer.inputs]
    layer.outputs = [unscaled(y) for y in layer.outputs]
    compare(without_zeros(layer))


def _random(rng: np.random.Generator) -> Case:
    shape = tuple(rng.integers(1, 6, rng.integers(1, 4)))
    dtype = (np.float32, np.int64, np.int32, np.int8, np.uint8)[rng.integers(5)]
    a, b = values(rng, shape, dtype), values(rng, shape[-1:], dtype)
    b[b == 0] = 3
    fmod = 1 if dtype is np.float32 else int(rng.integers(2))
    node = helper.make_node("Mod", ["a", "b"], ["y"], fmod=fmod)
    return [node], {"a": a, "b": b}, {}, {"y": dtype}


test_equals_onnxruntime = equals_onnxruntime(_random)
