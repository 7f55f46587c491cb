"""fully_connected: random layers equal LiteRT's three sets of kernels in every byte.

On float32 they equal the reference kernels in every byte, the others' sums to a few last places.
"""

from __future__ import annotations

from tests.simulator.tflite_builder import options

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
