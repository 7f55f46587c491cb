"""cumsum: every number equal to LiteRT's, floats in its order."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import constant, options

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 6), draw.pick(["int32", "int64", "float32"]))
    axis = draw.between(-len(x.shape), len(x.shape) - 1)
    chosen = options("CumsumOptions", exclusive=draw.flag(), reverse=draw.flag())
    at = constant(np.array(axis, np.int32))
    compare(Layer("CUMSUM", [x, at], [x], chosen, [draw.array(x)]))
