"""neg: every byte equal to LiteRT's, floats to a unit in the last place or two."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(
        draw, "NEG", ["int8", "int16", "int32", "int64", "float32"], options("NegOptions")
    )
    compare(layer, ulp=2)
