"""floor_div: every number equal to LiteRT's, integers and floats of both signs."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, binary, compare, random_layers, unscaled
from .test_div import without_zeros

TYPES = ("int8", "int16", "int32", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = binary(draw, "FLOOR_DIV", TYPES, options("FloorDivOptions"), low=-30, high=30)
    layer.inputs = [x and unscaled(x) for x in layer.inputs]
    layer.outputs = [unscaled(y) for y in layer.outputs]
    compare(without_zeros(layer))
