"""cos: every byte equal to LiteRT's, floats to two units of 1's last place."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "COS", ["float32"], options("CosOptions"))
    compare(layer, ulp=2, of_largest=True)
