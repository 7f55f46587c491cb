"""logical: every truth value equal to LiteRT's."""

from __future__ import annotations

from tests.simulator.tflite_builder import options

from .litert_cases import Draw, binary, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    kind, name = draw.pick(
        [("LOGICAL_AND", "LogicalAndOptions"), ("LOGICAL_OR", "LogicalOrOptions")]
    )
    compare(binary(draw, kind, ["bool"], options(name), most=4))
