"""conv2d: random layers equal LiteRT's three sets of kernels in every byte.

On float32 they equal the reference kernels in every byte, the others' sums to a few last places.
"""

from __future__ import annotations

import numpy as np

from tests.simulator.tflite_builder import constant, options

from .litert_cases import BUILT_IN, Draw, Layer, compare, random_layers
from .three_kernels import equals_litert

test_random_layers = equals_litert("CONV_2D", "DEPTHWISE_CONV_2D")


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    layer = drawn(draw, hybrid=False)
    compare(layer, kernels=("ref",))
    compare(layer, kernels=BUILT_IN, ulp=16, of_largest=True)


@random_layers
def test_hybrid_layers_equal_litert(draw: Draw) -> None:
    """Activations that the runtime quantizes: a code that differed would show by 1 in 100."""
    compare(drawn(draw, hybrid=True), ulp=16, of_largest=True, kernels=("ref", "opt"))


def drawn(draw: Draw, hybrid: bool) -> Layer:
    n, channels = draw.between(1, 2), draw.between(1, 6)
    kernel, stride = [[draw.between(1, 3) for _ in "hw"] for _ in range(2)]
    dilation = (
        [1, 1]
        if hybrid
        else [draw.between(1, 2) if 1 in stride and stride[0] == stride[1] else 1] * 2
    )
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [draw.between(span, span + 4) for span in spans]
    same, depthwise = draw.flag(), draw.flag()
    shared = {
        "padding": 0 if same else 1, "strideH": stride[0], "strideW": stride[1],
        "dilationHFactor": dilation[0], "dilationWFactor": dilation[1],
        "fusedActivationFunction": draw.pick([0, 1, 3]),
    }  # fmt: skip
    x = draw.plain((n, *sizes, channels), "float32")
    if depthwise:
        multiplier = draw.between(1, 2)
        outer, kind = channels * multiplier, "DEPTHWISE_CONV_2D"
        shape = (1, *kernel, outer)
        chosen = options("DepthwiseConv2DOptions", depthMultiplier=multiplier, **shared)
    else:
        outer, kind = draw.between(1, 9), "CONV_2D"
        shape = (outer, *kernel, channels)
        chosen = options("Conv2DOptions", **shared)
    weights = draw.fixed(draw.plain(shape, "float32"), low=-1, high=1)
    if hybrid:
        integers = draw.rng.integers(-127, 128, shape).astype(np.int8)
        each = [draw.scale(-9, -6) for _ in range(outer)]
        scale = np.array(draw.pick([each, each[:1], each[:1] * outer]) if not depthwise else each)
        weights = constant(integers, scale, 0, axis=3 if depthwise else 0)
    bias = draw.fixed(draw.plain((outer,), "float32"))
    pairs = zip(sizes, spans, stride, strict=True)
    extents = [-(-i // s) if same else (i - k) // s + 1 for i, k, s in pairs]
    y = draw.plain((n, *extents, outer), "float32")
    version = (6 if depthwise else 5) if hybrid else 1
    return Layer(kind, [x, weights, bias], [y], chosen, [draw.array(x, -4, 4)], version)
