"""squared_difference: every byte equal to LiteRT's three sets of kernels."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, binary, compare, random_layers


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    chosen = options("SquaredDifferenceOptions")
    compare(binary(draw, "SQUARED_DIFFERENCE", ["int8"], chosen))


@random_layers
def test_plain_numbers_equal_litert(draw: Draw) -> None:
    chosen = options("SquaredDifferenceOptions")
    compare(binary(draw, "SQUARED_DIFFERENCE", ["int32", "float32"], chosen))
