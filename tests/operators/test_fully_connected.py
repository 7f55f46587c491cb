"""fully_connected: random layers equal LiteRT's three sets of kernels in every byte.

On float32 they equal the reference kernels in every byte, the others' sums to a few last places.
"""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import constant, options

from .litert_cases import BUILT_IN, Draw, Layer, compare, random_layers
from .three_kernels import equals_litert

test_random_layers = equals_litert("FULLY_CONNECTED")


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    rows, inner, outer = draw.between(1, 4), draw.between(1, 40), draw.between(1, 9)
    x = draw.plain((rows, inner), "float32")
    weights = draw.fixed(draw.plain((outer, inner), "float32"), low=-1, high=1)
    bias = draw.fixed(draw.plain((outer,), "float32")) if draw.flag() else None
    chosen = options("FullyConnectedOptions", fusedActivationFunction=draw.pick([0, 1, 3]))
    y = draw.plain((rows, outer), "float32")
    layer = Layer("FULLY_CONNECTED", [x, weights, bias], [y], chosen, [draw.array(x, -4, 4)])
    compare(layer, kernels=("ref",))
    compare(layer, kernels=BUILT_IN, ulp=16, of_largest=True)


@random_layers
def test_hybrid_layers_equal_litert(draw: Draw) -> None:
    """Activations that the runtime quantizes: a code that differed would show by 1 in 100."""
    rows, inner, outer = draw.between(1, 4), draw.between(1, 40), draw.between(1, 9)
    x, y = (draw.plain((rows, n), "float32") for n in (inner, outer))
    integers = draw.rng.integers(-127, 128, (outer, inner)).astype(np.int8)
    each = [draw.scale(-9, -6) for _ in range(outer)]
    weights = constant(integers, np.array(each if draw.flag() else each[:1]), 0, axis=0)
    bias = draw.fixed(draw.plain((outer,), "float32")) if draw.flag() else None
    chosen = options("FullyConnectedOptions", asymmetricQuantizeInputs=draw.flag())
    inputs = [x, weights, bias]
    layer = Layer("FULLY_CONNECTED", inputs, [y], chosen, [draw.array(x, -4, 4)], 9)
    compare(layer, ulp=16, of_largest=True, kernels=("ref", "opt"))
