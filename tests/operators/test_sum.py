"""sum: every byte equal to LiteRT's three sets of kernels, floats to a few last places.

Under onnxruntime's rule the float sums, and the norms made of them, have its bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .float_cases import bits_of_onnxruntime
from .litert_cases import BUILT_IN, BYTES, KERNELS, Draw, compare, random_layers, reduction
from .test_mean import reduced

SUMS = ("ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare")
test_bits = bits_of_onnxruntime(lambda rng: reduced(rng, SUMS))


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    dtype = draw.pick(BYTES)
    # LiteRT 2.3.0's reference kernel leaves what it finds in an int8 output's memory
    kernels = BUILT_IN if dtype == "int8" else tuple(KERNELS)
    compare(reduction(draw, "SUM", dtype, same_scales=draw.flag()), kernels=kernels)


@random_layers
def test_ties_equal_litert(draw: Draw) -> None:
    """Scales are powers of two, so that many sums lie between two codes."""
    layer = reduction(draw, "SUM", draw.pick(BYTES))
    scale = 2.0 ** draw.between(-7, 0)
    layer.inputs[0] = replace(layer.inputs[0], scale=np.float32(scale))
    scale *= 2.0 ** draw.between(-3, 9)
    layer.outputs[0] = replace(layer.outputs[0], scale=np.float32(scale))
    compare(layer, kernels=BUILT_IN)


@random_layers
def test_plain_numbers_equal_litert(draw: Draw) -> None:
    dtype = draw.pick(["int32", "int64", "float32"])
    compare(reduction(draw, "SUM", dtype), ulp=8, of_largest=True)
