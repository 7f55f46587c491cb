"""conv3d_transpose: floats equal LiteRT's reference kernel in every bit, its others nearly."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import ShapeError
from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import BUILT_IN, Draw, Layer, build, compare, integers, network, random_layers


def layer(draw: Draw) -> Layer:
    kernel, stride, sizes = ([draw.between(1, most) for _ in "dhw"] for most in (3, 2, 4))
    same, inner, outer = draw.flag(), draw.between(1, 4), draw.between(1, 5)
    triples = zip(sizes, kernel, stride, strict=True)
    extents = [n * s if same else (n - 1) * s + k for n, k, s in triples]
    weights = draw.rng.uniform(-1, 1, (*kernel, outer, inner)).astype(np.float32)
    bias = constant(draw.rng.uniform(-1, 1, outer).astype(np.float32)) if draw.flag() else None
    x = Value((draw.between(1, 2), *sizes, inner), "float32")
    y = Value((x.shape[0], *extents, outer), "float32")
    chosen = options(
        "Conv3DOptions", padding=0 if same else 1, strideD=stride[0], strideH=stride[1],
        strideW=stride[2], dilationDFactor=1, dilationHFactor=1, dilationWFactor=1,
        fusedActivationFunction=draw.pick([0, 1, 3]),
    )  # fmt: skip
    inputs = [integers(*y.shape), constant(weights), x, *([bias] if bias else [])]
    return Layer("CONV_3D_TRANSPOSE", inputs, [y], chosen, [draw.array(x, -2, 2)])


@random_layers
def test_equals_litert(draw: Draw) -> None:
    case = layer(draw)
    compare(case, kernels=("ref",))
    compare(case, ulp=16, of_largest=True, kernels=BUILT_IN)


def test_weights_of_other_channels_are_refused() -> None:
    case = layer(Draw(0))
    x = case.inputs[2]
    assert x is not None
    case.inputs[2] = Value((*x.shape[:-1], x.shape[-1] + 1), "float32")
    with pytest.raises(ShapeError, match="do not fit input"):
        network(build(case))
