"""logical_not: every truth value equal to LiteRT's."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 5, 4), "bool")
    compare(Layer("LOGICAL_NOT", [x], [x], options("LogicalNotOptions"), [draw.array(x)]))
