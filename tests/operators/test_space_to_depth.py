"""space_to_depth: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, compare, movement, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    n, h, w, c = (draw.between(1, 4) for _ in range(4))
    b = draw.between(1, 3)
    x = draw.any_value((n, h * b, w * b, c), TYPES)
    chosen = options("SpaceToDepthOptions", blockSize=b)
    compare(movement(draw, "SPACE_TO_DEPTH", x, (n, h, w, b * b * c), options=chosen))
