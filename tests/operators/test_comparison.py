"""comparison: every truth value equal to LiteRT's, all relations and types."""

from __future__ import annotations

from npusim.operators.comparison import RELATIONS
from tests.simulator.tflite_builder import options

from .litert_cases import BYTES, Draw, Layer, binary, compare, random_layers

TABLES = {
    "equal": "EqualOptions",
    "not_equal": "NotEqualOptions",
    "less": "LessOptions",
    "less_equal": "LessEqualOptions",
    "greater": "GreaterOptions",
    "greater_equal": "GreaterEqualOptions",
}


def drawn(draw: Draw, dtypes: tuple[str, ...], **bounds: float) -> Layer:
    relation = draw.pick(list(RELATIONS))
    chosen = options(TABLES[relation])
    return binary(draw, relation.upper(), dtypes, chosen, result="bool", most=4, **bounds)


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    layer = drawn(draw, BYTES, least=-8)
    if all(x is None or x.scale != 1 for x in layer.inputs):  # LiteRT aborts there
        compare(layer)


@random_layers
def test_plain_numbers_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, ("int32", "int64", "float32"), low=-3, high=3))
