"""reduce_max: every value equal to LiteRT's, greatest and least, on all types."""

from __future__ import annotations

from .litert_cases import Draw, compare, random_layers, reduction

TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    kind = draw.pick(["REDUCE_MAX", "REDUCE_MIN"])
    compare(reduction(draw, kind, draw.pick(TYPES), same_scales=True))
