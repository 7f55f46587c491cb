"""elu: every byte equal to LiteRT's, floats to a unit in the last place or two."""

from __future__ import annotations

from .litert_cases import BUILT_IN, Draw, compare, random_layers, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "ELU", ["int8", "float32"])
    compare(layer, ulp=2, kernels=BUILT_IN)
