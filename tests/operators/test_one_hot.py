"""one_hot: every value equal to LiteRT's, indices outside included."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape, depth = draw.shape(1, 3, 5), draw.between(1, 6)
    axis = draw.between(-1, len(shape))
    place = axis if axis >= 0 else len(shape)
    dtype = draw.pick(TYPES)
    on, off = (draw.fixed(draw.plain((), dtype)) for _ in range(2))
    index = draw.pick(["int32", "int64"])
    indices = draw.rng.integers(-1, depth + 1, shape).astype(index)
    y = Value((*shape[:place], depth, *shape[place:]), dtype)
    inputs = [Value(shape, index), constant(np.array(depth, np.int32)), on, off]
    compare(Layer("ONE_HOT", inputs, [y], options("OneHotOptions", axis=axis), [indices]))
