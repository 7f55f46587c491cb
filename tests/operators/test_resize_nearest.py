"""resize_nearest: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, compare, integers, movement, random_layers

TYPES = ("int8", "uint8", "int16", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    n, h, w, c = draw.between(1, 2), draw.between(1, 20), draw.between(1, 20), draw.between(1, 5)
    size = (draw.between(1, 40), draw.between(1, 40))
    if draw.flag():
        size = (h * draw.between(1, 4), w * draw.between(1, 4))
    x = draw.any_value((n, h, w, c), TYPES)
    corners = draw.flag()
    chosen = options(
        "ResizeNearestNeighborOptions",
        alignCorners=corners,
        halfPixelCenters=not corners and draw.flag(),
    )
    shape = (n, *size, c)
    compare(movement(draw, "RESIZE_NEAREST_NEIGHBOR", x, shape, integers(*size), options=chosen))
