"""pad_value: every byte equal to LiteRT's, on all types."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, compare, movement, random_layers

TYPES = ("int8", "uint8", "int32", "int64", "float32")


@random_layers
def test_equals_litert(draw: Draw) -> None:
    x = draw.any_value(draw.shape(1, 4, 4), TYPES)
    pads = np.array([[draw.between(0, 3), draw.between(0, 3)] for _ in x.shape], np.int32)
    shape = [n + int(pad.sum()) for n, pad in zip(x.shape, pads, strict=True)]
    value = draw.fixed(Value((), x.dtype, x.scale, x.zero_point))
    behind = (constant(pads), value)
    compare(movement(draw, "PADV2", x, shape, *behind, options=options("PadV2Options"), version=2))
