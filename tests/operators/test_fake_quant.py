"""fake_quant: floats equal LiteRT's in every bit, values half-way between two included."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError, UnsupportedError
from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, build, compare, network, random_layers


def layer(low: float, high: float, bits: int, x: np.ndarray, narrow: bool = False) -> Layer:
    value = Value(x.shape, "float32")
    chosen = options("FakeQuantOptions", min=low, max=high, numBits=bits, narrowRange=narrow)
    return Layer("FAKE_QUANT", [value], [value], chosen, [x.astype(np.float32)])


@random_layers
def test_equals_litert(draw: Draw) -> None:
    low, high = -draw.rng.uniform(0, 8), draw.rng.uniform(0.1, 8)
    bits = draw.between(2, 16)
    if draw.flag():  # steps that are powers of two, and so ties
        low, high = -1.0, (2**bits - 1) / 2 ** (bits - 1) - 1.0
    x = np.rint(draw.rng.uniform(-9, 9, (3, 50)) * 64) / 64
    compare(layer(float(low), float(high), bits, x))


@pytest.mark.parametrize(("low", "high", "bits"), [(0.5, 1.0, 8), (0.0, 0.0, 8), (-1.0, 1.0, 17)])
def test_what_the_runtime_does_not_take_is_refused(low: float, high: float, bits: int) -> None:
    with pytest.raises(RangeError, match="fake_quant_0: expected ends around 0"):
        network(build(layer(low, high, bits, np.zeros((1, 2)))))


def test_a_narrow_range_is_refused_as_in_the_runtime() -> None:
    with pytest.raises(UnsupportedError, match="fake_quant_0: the runtime takes no narrow range"):
        network(build(layer(-1.0, 1.0, 8, np.zeros((1, 2)), narrow=True)))
