"""depth_to_space: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, compare, movement, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    n, h, w, c = (draw.between(1, 4) for _ in range(4))
    b = draw.between(1, 3)
    x = draw.any_value((n, h, w, b * b * c), TYPES)
    chosen = options("DepthToSpaceOptions", blockSize=b)
    compare(movement(draw, "DEPTH_TO_SPACE", x, (n, h * b, w * b, c), options=chosen))
