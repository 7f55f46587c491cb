"""pow: integers equal to LiteRT's, floats to a few units in the last place."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, binary, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = binary(draw, "POW", ["int32", "float32"], options("PowOptions"), low=0, high=5)
    for array in layer.arrays:
        if array.dtype == np.float32:
            array[array == 0] = 1
    compare(layer, ulp=4)
