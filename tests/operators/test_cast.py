"""cast: every byte equal to LiteRT's between all types."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import TYPES, Value, options

from .litert_cases import ALL_TYPES, Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(0, 5, 4), draw.pick(ALL_TYPES))
    dtype = draw.pick(ALL_TYPES)
    reach = 30000 if x.dtype == "int16" else draw.pick([100, 1000, 1 << 17, 1 << 30])
    low, high = -reach, reach
    chosen = options("CastOptions", inDataType=TYPES[x.dtype], outDataType=TYPES[dtype])
    data = draw.array(x, low, high)
    compare(Layer("CAST", [x], [Value(x.shape, dtype)], chosen, [data]))


@random_layers
def test_floats_beyond_a_type_equal_litert(draw: Draw) -> None:
    dtype = draw.pick(["int8", "uint8", "int16", "int32", "int64"])
    x = draw.plain((9,), "float32")
    ends = np.iinfo(dtype)
    near = [float(ends.min), float(ends.max), 1e30, -1e30, 0.0]
    data = np.asarray(draw.rng.choice(near, 9) * draw.pick([0.5, 1, 1.001, 2]), np.float32)
    chosen = options("CastOptions", inDataType=TYPES[x.dtype], outDataType=TYPES[dtype])
    compare(Layer("CAST", [x], [Value(x.shape, dtype)], chosen, [data]))
