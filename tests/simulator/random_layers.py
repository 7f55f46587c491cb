"""Random single-operator .tflite files: odd sizes, every zero point, strides, dilation, borders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .tflite_builder import Value, constant, options, single_operator


@dataclass(frozen=True, eq=False)
class Case:
    content: bytes
    inputs: list[np.ndarray]
    what: str


class Draw:
    """Random choices for one case, all from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = self.pick(["int8", "uint8"])
        self.shape = (1, self.between(1, 8), self.between(1, 8), self.between(1, 39))
        self.scale, self.zero_point = self.a_scale(), self.a_zero_point(self.dtype)
        self.activation = self.pick([0, 1, 2, 3])

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, choices: list):
        return choices[int(self.rng.integers(len(choices)))]

    def a_scale(self) -> np.float32:
        return np.float32(2.0 ** self.rng.uniform(-8, -2))

    def a_zero_point(self, dtype: str) -> int:
        limits = np.iinfo(dtype)
        return self.between(limits.min, limits.max)

    def values(self, shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
        limits = np.iinfo(dtype or self.dtype)
        return self.rng.integers(limits.min, limits.max + 1, shape).astype(dtype or self.dtype)

    def x(self, shape: tuple[int, ...] | None = None) -> Value:
        return Value(shape or self.shape, self.dtype, self.scale, self.zero_point)

    def weights(self, shape: tuple[int, ...], channels: int, axis: int) -> tuple[Value, np.ndarray]:
        """Int8 weights have one scale a channel, legacy uint8 ones a zero point."""
        if self.dtype == "int8":
            scale = np.array([self.a_scale() for _ in range(channels)])
            data = self.rng.integers(-127, 128, shape).astype(np.int8)
            return constant(data, scale, 0, axis), scale
        scale = self.a_scale()
        return constant(self.values(shape), scale, self.a_zero_point("uint8")), np.array([scale])

    def bias(self, channels: int, scale: np.ndarray) -> Value:
        data = self.rng.integers(-20000, 20000, channels).astype(np.int32)
        return constant(data, self.scale * scale)

    def linear_output(self, shape: tuple[int, ...], scale: np.ndarray) -> Value:
        so = np.float32(self.scale * np.max(scale) * 2.0 ** self.rng.uniform(5, 9))
        return Value(shape, self.dtype, so, self.a_zero_point(self.dtype))

    def output(
        self, shape: tuple[int, ...] | None = None, low: float = -3, high: float = 3
    ) -> Value:
        so = np.float32(self.scale * 2.0 ** self.rng.uniform(low, high))
        return Value(shape or self.shape, self.dtype, so, self.a_zero_point(self.dtype))


def out_extent(size: int, kernel: int, stride: int, padding: int) -> int:
    return -(-size // stride) if padding == 0 else -(-(size - kernel + 1) // stride)


def convolution(draw: Draw, depthwise: bool) -> Case:
    kernel, dilation, stride = (
        tuple(draw.between(1, most) for _ in range(2)) for most in (4, 2, 3)
    )
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = draw.between(0, 1)
    _, h, w, ic = draw.shape
    h, w = max(h, span[0]), max(w, span[1])
    multiplier = draw.between(1, 3)
    oc = ic * multiplier if depthwise else draw.between(1, 20)
    shape = (1, *kernel, oc) if depthwise else (oc, *kernel, ic)
    weights, scale = draw.weights(shape, oc, 3 if depthwise else 0)
    image = (1, h, w, ic)
    out = [out_extent(n, s, t, padding) for n, s, t in zip((h, w), span, stride, strict=True)]
    fields = {
        "padding": padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": draw.activation,
    }
    if depthwise:
        fields["depthMultiplier"] = multiplier
    content = single_operator(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        [draw.x(image), weights, draw.bias(oc, scale)],
        draw.linear_output((1, *out, oc), scale),
        options("DepthwiseConv2DOptions" if depthwise else "Conv2DOptions", **fields),
        3,
    )
    return Case(content, [draw.values(image)], f"{draw.dtype} {image} by {shape} {fields}")


def fully_connected(draw: Draw) -> Case:
    rows, taps, channels = draw.between(1, 3), draw.between(1, 200), draw.between(1, 40)
    weights, scale = draw.weights((channels, taps), channels, 0)
    content = single_operator(
        "FULLY_CONNECTED",
        [draw.x((rows, taps)), weights, draw.bias(channels, scale) if draw.between(0, 3) else None],
        draw.linear_output((rows, channels), scale),
        options("FullyConnectedOptions", fusedActivationFunction=draw.activation),
        4,
    )
    return Case(content, [draw.values((rows, taps))], f"{draw.dtype} {rows} {taps} {channels}")


def elementwise(draw: Draw, kind: str) -> Case:
    other = draw.shape if draw.between(0, 1) else (1, 1, 1, draw.shape[3])
    s2, z2 = draw.a_scale(), draw.a_zero_point(draw.dtype)
    full = 2 * max(draw.scale, s2) if kind == "ADD" else 128 * draw.scale * s2
    so = np.float32(full * 2.0 ** draw.rng.uniform(-1, 1))
    content = single_operator(
        kind,
        [draw.x(), Value(other, draw.dtype, s2, z2)],
        Value(draw.shape, draw.dtype, so, draw.a_zero_point(draw.dtype)),
        options(f"{kind.title()}Options", fusedActivationFunction=draw.activation),
        2,
    )
    inputs = [draw.values(draw.shape), draw.values(other)]
    return Case(content, inputs, f"{draw.dtype} {draw.shape} {other}")


def pool(draw: Draw, kind: str) -> Case:
    _, h, w, c = draw.shape
    kernel = draw.between(1, min(h, 5)), draw.between(1, min(w, 5))
    stride, padding = (draw.between(1, 3), draw.between(1, 3)), draw.between(0, 1)
    out = [out_extent(n, k, s, padding) for n, k, s in zip((h, w), kernel, stride, strict=True)]
    fields = {
        "padding": padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "filterHeight": kernel[0],
        "filterWidth": kernel[1],
        "fusedActivationFunction": draw.activation,
    }
    content = single_operator(
        kind, [draw.x()], draw.x((1, *out, c)), options("Pool2DOptions", **fields), 2
    )
    return Case(content, [draw.values(draw.shape)], f"{draw.dtype} {draw.shape} {fields}")


def mean(draw: Draw) -> Case:
    keep = bool(draw.between(0, 1))
    axes = draw.pick([(1, 2), (2, 1), (1,), (2,), (3,), (1, 2, 3)])
    shape = tuple(
        1 if axis in axes else n for axis, n in enumerate(draw.shape) if keep or axis not in axes
    )
    output = draw.output(shape, -3, 1) if draw.between(0, 2) else draw.x(shape)
    content = single_operator(
        "MEAN",
        [draw.x(), constant(np.array(axes, np.int32))],
        output,
        options("ReducerOptions", keepDims=keep),
        2,
    )
    what = f"{draw.dtype} {draw.shape} over {axes} {keep} {draw.scale} {output.scale}"
    return Case(content, [draw.values(draw.shape)], what)


def softmax(draw: Draw) -> Case:
    output = Value(draw.shape, draw.dtype, 1 / 256, np.iinfo(draw.dtype).min)
    beta = draw.pick([0.5, 1.0, 2.0])
    content = single_operator(
        "SOFTMAX", [draw.x()], output, options("SoftmaxOptions", beta=beta), 2
    )
    return Case(
        content, [draw.values(draw.shape)], f"{draw.dtype} {draw.shape} {draw.scale} {beta}"
    )


def quantize(draw: Draw) -> Case:
    dtype = draw.pick(["int8", "uint8"])
    so = np.float32(draw.scale * 2.0 ** draw.rng.uniform(-3, 3))
    output = Value(draw.shape, dtype, so, draw.a_zero_point(dtype))
    content = single_operator("QUANTIZE", [draw.x()], output, options("QuantizeOptions"), 2)
    return Case(content, [draw.values(draw.shape)], f"{draw.dtype} to {dtype} {draw.scale / so}")


def quantize_floats(draw: Draw) -> Case:
    content = single_operator(
        "QUANTIZE", [Value(draw.shape, "float32")], draw.x(), options("QuantizeOptions")
    )
    steps = draw.rng.normal(0, 100, draw.shape)
    ties = np.where(draw.rng.random(draw.shape) < 0.3, np.floor(steps) + 0.5, steps)
    return Case(content, [(ties * draw.scale).astype(np.float32)], f"{draw.dtype} {draw.scale}")


def dequantize(draw: Draw) -> Case:
    content = single_operator(
        "DEQUANTIZE", [draw.x()], Value(draw.shape, "float32"), options("DequantizeOptions"), 2
    )
    return Case(content, [draw.values(draw.shape)], f"{draw.dtype} {draw.scale}")


def activation(draw: Draw, kind: str) -> Case:
    limits = np.iinfo(draw.dtype)
    values = np.arange(limits.min, limits.max + 1).astype(draw.dtype)[None]
    output = draw.output((1, 256), -1, 2)
    if kind == "LOGISTIC":
        output = Value((1, 256), draw.dtype, 1 / 256, limits.min)
    if kind == "TANH":
        output = Value((1, 256), draw.dtype, 1 / 128, 0 if draw.dtype == "int8" else 128)
    table = {
        "LEAKY_RELU": options("LeakyReluOptions", alpha=float(draw.rng.uniform(0, 0.9))),
        "HARD_SWISH": options("HardSwishOptions"),
    }.get(kind)
    version = 1 if kind in ("HARD_SWISH", "RELU_N1_TO_1") else 2
    content = single_operator(kind, [draw.x((1, 256))], output, table, version)
    return Case(content, [values], f"{draw.dtype} {draw.scale} {output.scale}")


def concatenation(draw: Draw) -> Case:
    more = draw.between(1, 9)
    _, h, w, c = draw.shape
    same = draw.dtype == "int8" or draw.between(0, 1)
    second = draw.x((1, h, w, more))
    if not same:
        second = Value(second.shape, draw.dtype, draw.a_scale(), draw.a_zero_point(draw.dtype))
    output = draw.x((1, h, w, c + more)) if same else draw.output((1, h, w, c + more))
    content = single_operator(
        "CONCATENATION", [draw.x(), second], output, options("ConcatenationOptions", axis=-1), 2
    )
    inputs = [draw.values(draw.shape), draw.values(second.shape)]
    return Case(content, inputs, f"{draw.dtype} {draw.shape} + {more} {same}")


def pad(draw: Draw) -> Case:
    pairs = np.array(
        [[0, 0], *([draw.between(0, 3), draw.between(0, 3)] for _ in range(3))], np.int32
    )
    shape = tuple(int(n) for n in np.array(draw.shape) + pairs.sum(1))
    content = single_operator(
        "PAD", [draw.x(), constant(pairs)], draw.x(shape), options("PadOptions"), 2
    )
    return Case(content, [draw.values(draw.shape)], f"{draw.dtype} {draw.shape} {pairs.tolist()}")


def transpose(draw: Draw) -> Case:
    order = [0, *(int(axis) + 1 for axis in draw.rng.permutation(3))]
    shape = tuple(draw.shape[axis] for axis in order)
    content = single_operator(
        "TRANSPOSE",
        [draw.x(), constant(np.array(order, np.int32))],
        draw.x(shape),
        options("TransposeOptions"),
        2,
    )
    return Case(content, [draw.values(draw.shape)], f"{draw.dtype} {draw.shape} {order}")


def strided_slice(draw: Draw) -> Case:
    start = [0, *(draw.between(0, n - 1) for n in draw.shape[1:])]
    stop = [1, *(draw.between(a + 1, n) for a, n in zip(start[1:], draw.shape[1:], strict=True))]
    step = [1, *(draw.between(1, 2) for _ in range(3))]
    shape = tuple(len(range(*bounds)) for bounds in zip(start, stop, step, strict=True))
    content = single_operator(
        "STRIDED_SLICE",
        [draw.x(), *(constant(np.array(v, np.int32)) for v in (start, stop, step))],
        draw.x(shape),
        options("StridedSliceOptions"),
        2,
    )
    return Case(content, [draw.values(draw.shape)], f"{draw.shape} {start} {stop} {step}")


MAKERS: dict[str, Callable[[Draw], Case]] = {
    "CONV_2D": lambda draw: convolution(draw, depthwise=False),
    "DEPTHWISE_CONV_2D": lambda draw: convolution(draw, depthwise=True),
    "FULLY_CONNECTED": fully_connected,
    "ADD": lambda draw: elementwise(draw, "ADD"),
    "MUL": lambda draw: elementwise(draw, "MUL"),
    "AVERAGE_POOL_2D": lambda draw: pool(draw, "AVERAGE_POOL_2D"),
    "MAX_POOL_2D": lambda draw: pool(draw, "MAX_POOL_2D"),
    "MEAN": mean,
    "SOFTMAX": softmax,
    "QUANTIZE": quantize,
    "QUANTIZE float": quantize_floats,
    "DEQUANTIZE": dequantize,
    "CONCATENATION": concatenation,
    "PAD": pad,
    "TRANSPOSE": transpose,
    "STRIDED_SLICE": strided_slice,
    "LOGISTIC": lambda draw: activation(draw, "LOGISTIC"),
    "TANH": lambda draw: activation(draw, "TANH"),
    "LEAKY_RELU": lambda draw: activation(draw, "LEAKY_RELU"),
    "HARD_SWISH": lambda draw: activation(draw, "HARD_SWISH"),
    "RELU": lambda draw: activation(draw, "RELU"),
    "RELU6": lambda draw: activation(draw, "RELU6"),
    "RELU_N1_TO_1": lambda draw: activation(draw, "RELU_N1_TO_1"),
}


def random_case(kind: str, seed: int) -> Case:
    """Return the case of `kind` that `seed` draws."""
    return MAKERS[kind](Draw(seed))
