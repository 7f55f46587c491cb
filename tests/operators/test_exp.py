"""exp: every byte equal to LiteRT's, floats to eight units in the last place (XNNPACK's)."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "EXP", ["int8", "float32"], options("ExpOptions"), least=-9, most=0)
    compare(layer, ulp=8)
