"""l2_normalization: every byte equal to LiteRT's, floats to a few last places."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value, options

from .litert_cases import BYTES, Draw, Layer, compare, random_layers

CHOSEN = "L2NormOptions"


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    shape, dtype = draw.shape(1, 4, 8), draw.pick(BYTES)
    x = draw.quantized(shape, dtype)
    y = Value(shape, dtype, np.float32(1 / 128), 0 if dtype == "int8" else 128)
    compare(Layer("L2_NORMALIZATION", [x], [y], options(CHOSEN), [draw.array(x)], version=2))


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    x = draw.plain(draw.shape(1, 4, 8), "float32")
    compare(Layer("L2_NORMALIZATION", [x], [x], options(CHOSEN), [draw.array(x)]), ulp=8)
