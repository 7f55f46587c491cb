"""gather_nd: every byte equal to LiteRT's, on all types, indices constant or computed."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, compare, random_layers

TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 4)
    x = draw.any_value(shape, TYPES)
    length = draw.between(1, len(shape))
    at = (*draw.shape(0, 2, 4), length)
    dtype = draw.pick(["int32", "int64"])
    indices = np.stack([draw.rng.integers(0, n, at[:-1]) for n in shape[:length]], -1).astype(dtype)
    y = Value((*at[:-1], *shape[length:]), x.dtype, x.scale, x.zero_point)
    known = draw.flag()
    inputs = [x, constant(indices) if known else Value(at, dtype)]
    arrays = [draw.array(x), *([] if known else [indices])]
    compare(Layer("GATHER_ND", inputs, [y], options("GatherNdOptions"), arrays))
