"""complex_part: real and imaginary parts equal LiteRT's in every bit, magnitudes to two places."""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import Value

from .litert_cases import Draw, Layer, compare, random_layers


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 6)
    parts = (draw.rng.uniform(-9, 9, shape) for _ in range(2))
    real, imaginary = (np.rint(part * 2) / 2 if draw.flag() else part for part in parts)
    x = (real + 1j * imaginary).astype(np.complex64)
    kind = draw.pick(["REAL", "IMAG", "COMPLEX_ABS"])
    layer = Layer(kind, [Value(shape, "complex64")], [Value(shape, "float32")], None, [x])
    compare(layer, ulp=2 if kind == "COMPLEX_ABS" else 0)
