"""select: every byte equal to LiteRT's, on all types, conditions of one axis included."""

from __future__ import annotations

from tests.simulator.tflite_builder import Value, options

from .litert_cases import ALL_TYPES, Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 5, 4)
    x = draw.any_value(shape, ALL_TYPES)
    condition = Value(draw.pick([shape, shape[:1]]), "bool")
    arrays = [draw.array(condition), draw.array(x), draw.array(x)]
    compare(Layer("SELECT", [condition, x, x], [x], options("SelectOptions"), arrays))


@random_layers
def test_broadcast_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 4)
    x = draw.any_value(shape, ALL_TYPES)
    condition = Value(draw.broadcast_to(shape), "bool")
    a, b = (Value(s, x.dtype, x.scale, x.zero_point) for s in (shape, draw.broadcast_to(shape)))
    arrays = [draw.array(value) for value in (condition, a, b)]
    compare(Layer("SELECT_V2", [condition, a, b], [x], options("SelectV2Options"), arrays))
