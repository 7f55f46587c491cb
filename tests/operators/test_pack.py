"""pack: every byte equal to LiteRT's, on all types, constants among the inputs."""

from __future__ import annotations

from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, compare, random_layers

TYPES = ("int8", "uint8", "int16", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(0, 4, 4)
    axis, count = draw.between(0, len(shape)), draw.between(1, 4)
    x = draw.any_value(shape, TYPES)
    fixed = [draw.between(0, 3) == 0 for _ in range(count - 1)]
    inputs = [x, *(draw.fixed(x) if known else x for known in fixed)]
    y = Value((*shape[:axis], count, *shape[axis:]), x.dtype, x.scale, x.zero_point)
    named = axis - len(shape) - 1 if draw.flag() else axis
    chosen = options("PackOptions", valuesCount=count, axis=named)
    arrays = [draw.array(x) for value in inputs if value.data is None]
    compare(Layer("PACK", inputs, [y], chosen, arrays))
