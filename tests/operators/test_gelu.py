"""gelu: every byte equal to LiteRT's, floats to a few units in the last place."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import BYTES, Draw, compare, random_layers, unary


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    chosen = options("GeluOptions", approximate=draw.flag())
    compare(unary(draw, "GELU", BYTES, chosen))


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    chosen = options("GeluOptions", approximate=draw.flag())
    compare(unary(draw, "GELU", ["float32"], chosen), ulp=4, of_largest=True)
