"""sin: every byte equal to LiteRT's, floats to two units of 1's last place."""

from __future__ import annotations

from .litert_cases import Draw, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "SIN", ["float32"])
    compare(layer, ulp=2, of_largest=True)
