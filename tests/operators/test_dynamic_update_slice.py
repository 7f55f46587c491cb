"""dynamic_update_slice: LiteRT's values for every type, starts outside the tensor too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.simulator.tflite_builder import Value

from .litert_cases import Draw, Layer, compare, random_layers

TYPES = ("int8", "int32", "int64", "float32", "bool")


@random_layers
def test_values_equal_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 4, 5), TYPES)
    update = replace(x, shape=tuple(draw.between(1, n) for n in x.shape))
    start = Value((len(x.shape),), "int32")
    place = draw.rng.integers(-2, 6, len(x.shape)).astype(np.int32)
    arrays = [draw.array(x), draw.array(update), place]
    compare(Layer("DYNAMIC_UPDATE_SLICE", [x, update, start], [x], None, arrays))
