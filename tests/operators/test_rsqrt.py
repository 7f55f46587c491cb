"""rsqrt: every byte equal to LiteRT's, floats to two units in the last place."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError
from tests.simulator.tflite_builder import Value

from .litert_cases import Draw, Layer, build, compare, network, random_layers, run, unary


@random_layers
def test_equals_litert(draw: Draw) -> None:
    layer = unary(draw, "RSQRT", ["int8", "float32"], low=0.01)
    x = layer.inputs[0]
    assert x is not None
    if x.dtype == "int8":
        layer.arrays[0] = np.maximum(layer.arrays[0], np.int8(x.zero_point))
    else:
        layer.arrays[0] = np.maximum(layer.arrays[0], np.float32(0.01))
    compare(layer, ulp=2)


def test_a_root_of_less_than_nothing_is_named() -> None:
    x = Value((1,), "int8", 1.0, 0)
    with pytest.raises(RangeError, match="rsqrt_0: the root of a number below 0"):
        run(network(build(Layer("RSQRT", [x], [x]))), "litert", [np.array([-1], np.int8)])


@random_layers
def test_int16_equals_litert(draw: Draw) -> None:
    values = np.arange(draw.between(0, 6), 32768, 7).astype(np.int16)[None]
    x, y = (Value(values.shape, "int16", draw.scale(-14, 2), 0) for _ in range(2))
    compare(Layer("RSQRT", [x], [y], None, [values], 3))
