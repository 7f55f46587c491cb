"""cast: every byte equal to LiteRT's between all types."""

from __future__ import annotations

from tests.simulator.tflite_builder import TYPES, Value, options

from .litert_cases import ALL_TYPES, Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(0, 5, 4), draw.pick(ALL_TYPES))
    dtype = draw.pick(ALL_TYPES)
    high = 127 if dtype == "int8" else 255 if dtype == "uint8" else 30000
    low = -127 if dtype == "int8" else 0 if dtype == "uint8" else -30000
    if x.dtype != "float32":  # a float outside the integers' range is undefined
        low, high = (-30000, 30000) if x.dtype == "int16" else (-(1 << 30), 1 << 30)
    chosen = options("CastOptions", inDataType=TYPES[x.dtype], outDataType=TYPES[dtype])
    data = draw.array(x, low, high)
    compare(Layer("CAST", [x], [Value(x.shape, dtype)], chosen, [data]))
