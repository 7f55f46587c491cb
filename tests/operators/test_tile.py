"""tile: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

from .litert_cases import Draw, compare, integers, movement, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 5, 4), TYPES)
    repeats = [draw.between(1, 3) for _ in x.shape]
    shape = [n * r for n, r in zip(x.shape, repeats, strict=True)]
    compare(movement(draw, "TILE", x, shape, integers(*repeats)))
