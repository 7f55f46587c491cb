"""conv_transpose: every byte equal to LiteRT's three sets of kernels, floats to a few last places.

The .onnx form is compared with onnxruntime in tests/simulator.
"""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import BYTES, Draw, Layer, compare, integers, random_layers
from .onnx_cases import Case, equals_onnxruntime


def drawn(draw: Draw, dtype: str, hybrid: bool = False) -> Layer:
    n, h, w, c = draw.between(1, 2), draw.between(1, 5), draw.between(1, 5), draw.between(1, 9)
    k, s = (draw.between(1, 4), draw.between(1, 4)), (draw.between(1, 3), draw.between(1, 3))
    channels, same = draw.between(1, 9), draw.flag()
    if same:
        sizes = [(i - 1) * t + draw.between(1, t) for i, t in zip((h, w), s, strict=True)]
    else:
        sizes = [(i - 1) * t + max(j, t) for i, t, j in zip((h, w), s, k, strict=True)]
    x = draw.plain((n, h, w, c), dtype)
    shape = (channels, *k, c)
    scale: np.ndarray | np.float32
    if dtype == "float32":
        weights = draw.fixed(draw.plain(shape, dtype), low=-1, high=1)
        if hybrid:
            scale = np.array([draw.scale(-9, -6) for _ in range(channels)])
            weights = constant(draw.rng.integers(-127, 128, shape).astype(np.int8), scale)
        y, bias = draw.plain((n, *sizes, channels), dtype), None
        if draw.flag():
            bias = draw.fixed(draw.plain((channels,), dtype))
    else:
        x = draw.quantized((n, h, w, c), dtype)
        scale = draw.scale(-8, -3)
        if dtype == "int8":
            if draw.flag():
                scale = np.array([draw.scale(-8, -3) for _ in range(channels)])
            data = draw.rng.integers(-127, 128, shape).astype(np.int8)
            weights = constant(data, scale, 0, 0)
        else:
            weights = draw.fixed(Value(shape, dtype, scale, draw.zero_point(dtype)))
        y = draw.quantized((n, *sizes, channels), dtype, least=-5, most=2)
        bias = None
        if draw.flag():
            data = draw.rng.integers(-9000, 9000, channels).astype(np.int32)
            bias = constant(data, np.float32(x.scale) * scale, 0)
    behind = [] if bias is None else [bias]
    chosen = options(
        "TransposeConvOptions",
        padding=0 if same else 1,
        strideH=s[0],
        strideW=s[1],
        fusedActivationFunction=draw.pick([0, 1, 3]),
    )
    inputs = [integers(n, *sizes, channels), weights, x, *behind]
    return Layer("TRANSPOSE_CONV", inputs, [y], chosen, [draw.array(x, -3, 3)], version=3)


@random_layers
def test_bytes_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, draw.pick(BYTES)))


@random_layers
def test_floats_equal_litert(draw: Draw) -> None:
    compare(drawn(draw, "float32"), ulp=8, of_largest=True)


def _of_a_shape(rng: np.random.Generator) -> Case:
    """The file names the output's shape, smaller or larger than the windows reach."""
    size, k, s = (rng.integers(low, high, 2) for low, high in ((2, 6), (1, 4), (1, 4)))
    spans = (size - 1) * s + k
    wanted = spans + [
        int(rng.integers(-min(2, n - 1), step)) for n, step in zip(spans, s, strict=True)
    ]
    node = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], strides=s.tolist(), output_shape=wanted.tolist(),
        auto_pad=("SAME_UPPER", "SAME_LOWER", "NOTSET")[rng.integers(3)],
    )  # fmt: skip
    x = rng.integers(-9, 9, (1, 2, *size)).astype(np.float32)
    w = rng.integers(-9, 9, (2, 3, *k)).astype(np.float32)
    return [node], {"x": x}, {"w": w}, {"y": np.float32}


test_output_shape_equals_onnxruntime = equals_onnxruntime(_of_a_shape)


@random_layers
def test_hybrid_layers_equal_litert(draw: Draw) -> None:
    """Activations that the runtime quantizes: a code that differed would show by 1 in 100."""
    layer = drawn(draw, "float32", hybrid=True)
    compare(layer, ulp=16, of_largest=True, kernels=("ref", "opt"))
