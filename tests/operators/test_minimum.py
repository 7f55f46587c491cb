"""minimum: every byte equal to LiteRT's three sets of kernels, on all types."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, binary, compare, random_layers

TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    compare(binary(draw, "MINIMUM", TYPES, options("MaximumMinimumOptions"), same_scales=True))
