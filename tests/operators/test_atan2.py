"""atan2: floats equal to LiteRT's to a few units in the last place."""

from __future__ import annotations

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 5), "float32")
    compare(Layer("ATAN2", [x, x], [x], None, [draw.array(x), draw.array(x)]), ulp=4)
