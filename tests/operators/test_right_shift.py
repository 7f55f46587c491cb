"""right_shift: integers equal to LiteRT's."""

from __future__ import annotations

from .litert_cases import Draw, binary, compare, random_layers


@random_layers
def test_integers_equal_litert(draw: Draw) -> None:
    compare(binary(draw, "RIGHT_SHIFT", ["int8", "int16", "int32"], most=4, low=-4, high=40))
