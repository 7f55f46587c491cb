"""div: every byte equal to LiteRT's three sets of kernels, all types and activations."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError
from tests.simulator.tflite_builder import Value, options

from .litert_cases import Draw, Layer, binary, build, compare, network, random_layers, run


def without_zeros(layer: Layer) -> Layer:
    """Move a divisor of 0 by one step: LiteRT stops there."""
    b = layer.inputs[1]
    assert b is not None
    data = layer.arrays[-1] if b.data is None else b.data
    zero = int(b.zero_point)
    data[data == zero] = zero + (1 if zero < 100 else -1)
    return layer


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    chosen = options("DivOptions", fusedActivationFunction=draw.pick([0, 0, 1, 2, 3]))
    compare(without_zeros(binary(draw, "DIV", ["uint8", "int8"], chosen)))


@random_layers
def test_plain_numbers_equal_litert(draw: Draw) -> None:
    chosen = options("DivOptions", fusedActivationFunction=0)
    compare(without_zeros(binary(draw, "DIV", ["int32", "float32"], chosen)), ulp=1)


def test_division_by_zero_is_named() -> None:
    inputs = [Value((1,), "int32"), Value((1,), "int32")]
    layer = Layer("DIV", inputs, [Value((1,), "int32")], options("DivOptions"))
    with pytest.raises(RangeError, match="div_0: division by 0"):
        run(network(build(layer)), "litert", [np.ones(1, np.int32), np.zeros(1, np.int32)])
