"""resize_bilinear: every byte equal to LiteRT's on integers, floats to a few units of the last."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, options

from .litert_cases import BYTES, Draw, Layer, compare, integers, movement, random_layers


def drawn(draw: Draw, dtypes: tuple[str, ...]) -> Layer:
    n, h, w, c = draw.between(1, 2), draw.between(1, 12), draw.between(1, 12), draw.between(1, 17)
    size = (draw.between(1, 24), draw.between(1, 24))
    if draw.flag():
        factor = draw.pick([1, 2, 3, 8])
        size = (h * factor, w * factor)
    dtype = draw.pick(dtypes)
    scale = None if dtype == "float32" else draw.scale()
    zero_point = draw.zero_point(dtype) if dtype in BYTES else 0
    x = Value((n, h, w, c), dtype, scale, zero_point)
    corners = draw.flag()
    chosen = options(
        "ResizeBilinearOptions",
        alignCorners=corners,
        halfPixelCenters=not corners and draw.flag(),
    )
    shape = (n, *size, c)
    return movement(draw, "RESIZE_BILINEAR", x, shape, integers(*size), options=chosen)


@random_layers
def test_integers_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, ("int8", "uint8", "int16")))


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    layer = drawn(draw, ("float32",))
    layer.arrays[0] = np.abs(layer.arrays[0])
    compare(layer, ulp=4)
