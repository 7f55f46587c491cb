"""pow: integers equal to LiteRT's, floats to a few units in the last place."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, binary, compare, random_layers
from .onnx_cases import Case, equals_onnxruntime


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = binary(draw, "POW", ["int32", "float32"], options("PowOptions"), low=0, high=5)
    for array in layer.arrays:
        if array.dtype == np.float32:
            array[array == 0] = 1
    compare(layer, ulp=4)


def _of_two_types(rng: np.random.Generator) -> Case:
    base, exponent = (
        (np.int32, np.float32), (np.int64, np.float32),
        (np.float32, np.int64), (np.int32, np.int64),
    )[rng.integers(4)]  # fmt: skip
    a, b = rng.integers(1, 9, 20).astype(base), rng.integers(0, 4, 20).astype(exponent)
    return [helper.make_node("Pow", ["a", "b"], ["y"])], {"a": a, "b": b}, {}, {"y": base}


test_a_result_has_the_type_of_its_base = equals_onnxruntime(_of_two_types)
