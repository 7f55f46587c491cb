"""square: every byte equal to LiteRT's, floats to a unit in the last place or two."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "SQUARE", ["float32"], options("SquareOptions"))
    compare(layer, ulp=2)
