"""matrix_diag: every value equals LiteRT's, for every type that it takes."""

from __future__ import annotations

from .litert_cases import ALL_TYPES, Draw, compare, movement, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 4, 5), [t for t in ALL_TYPES if t != "bool"])
    compare(movement(draw, "MATRIX_DIAG", x, (*x.shape, x.shape[-1])))
