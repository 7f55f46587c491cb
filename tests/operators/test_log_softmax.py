"""log_softmax: every byte equal to LiteRT's, floats to a few units in the last place."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, options

from .litert_cases import BYTES, Draw, Layer, compare, random_layers


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    dtype, shape = draw.pick(BYTES), draw.shape(1, 4, 9)
    x = draw.quantized(shape, dtype, least=-8, most=0)
    y = Value(shape, dtype, np.float32(16 / 256), 127 if dtype == "int8" else 255)
    layer = Layer("LOG_SOFTMAX", [x], [y], options("LogSoftmaxOptions"), [draw.array(x)])
    compare(layer)


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 9), "float32")
    layer = Layer("LOG_SOFTMAX", [x], [x], options("LogSoftmaxOptions"), [draw.array(x, -8, 8)])
    compare(layer, ulp=8, of_largest=True)
