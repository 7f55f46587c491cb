"""reverse: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

from .litert_cases import ALL_TYPES, Draw, compare, integers, movement, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 6, 4), ALL_TYPES)
    first = draw.between(0, len(x.shape) - 1)
    axes = range(first, draw.between(first, len(x.shape) - 1) + 1)  # LiteRT takes neighbours
    compare(movement(draw, "REVERSE_V2", x, x.shape, integers(*axes)))
