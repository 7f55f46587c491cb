"""unpack: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, compare, random_layers

TYPES = ("int8", "uint8", "int16", "int32", "float32", "bool")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 4)
    axis = draw.between(0, len(shape) - 1)
    x = draw.any_value(shape, TYPES)
    y = Value((*shape[:axis], *shape[axis + 1 :]), x.dtype, x.scale, x.zero_point)
    named = axis - len(shape) if draw.flag() else axis
    chosen = options("UnpackOptions", num=shape[axis], axis=named)
    compare(Layer("UNPACK", [x], [y] * shape[axis], chosen, [draw.array(x)]))
