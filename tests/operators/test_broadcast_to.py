"""broadcast_to: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

from .litert_cases import ALL_TYPES, Draw, compare, integers, movement, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 6, 4)
    narrow = draw.broadcast_to(shape) or (1,)
    x = draw.any_value(narrow, ALL_TYPES)
    compare(movement(draw, "BROADCAST_TO", x, shape, integers(*shape), version=2))
