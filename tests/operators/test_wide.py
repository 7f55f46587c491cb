"""16-bit activations: random layers of every operator equal LiteRT's in every byte."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from npusim.errors import RangeError, UnsupportedError
from npusim.prepared.engine import prepare
from tests.simulator.tflite_builder import Value, constant, options

from .litert_cases import Draw, Layer, build, compare, network, random_layers

POWERS = 3
"""One of so many sums has scales that are powers of two."""


def wide(draw: Draw, shape: tuple[int, ...], scale: float | None = None) -> Value:
    return Value(shape, "int16", draw.scale(-15, -8) if scale is None else scale)


def values(draw: Draw, x: Value) -> np.ndarray:
    """Return contents: of the whole range, small ones, or the ends."""
    limits, kind = np.iinfo(x.dtype), draw.between(0, 3)
    if kind == 0:
        return draw.rng.integers(-200, 201, x.shape).astype(x.dtype)
    if kind == 1:
        return draw.rng.choice([limits.min, limits.max, 0, -1, 1], x.shape).astype(x.dtype)
    return draw.rng.integers(limits.min, limits.max + 1, x.shape).astype(x.dtype)


def layer(draw: Draw, kind: str, inputs: list, y: Value, fields: Any = None) -> Layer:
    arrays = [values(draw, x) for x in inputs if x is not None and x.data is None]
    return Layer(kind, inputs, [y], fields, arrays, version=2)


def weights(draw: Draw, shape: tuple[int, ...], channels: int, axis: int) -> tuple[Value, Any]:
    """Return constant int8 weights with scales per tensor or channel, and the scales."""
    scale = np.array([draw.scale(-9, -5) for _ in range(channels if draw.flag() else 1)])
    data = draw.rng.integers(-127, 128, shape).astype(np.int8)
    return constant(data, scale if len(scale) > 1 else scale[0], axis=axis), scale


def bias(draw: Draw, channels: int, scale: Any) -> Value:
    """Return a bias of int64, or of int32 that keeps within 32 bits."""
    kind = draw.between(0, 3)
    dtype, most = (np.int32, 1 << 20) if kind == 1 else (np.int64, 1 << draw.between(8, 36))
    data = draw.rng.integers(-most, most, channels).astype(dtype)
    return constant(data, scale if np.size(scale) > 1 else np.ravel(scale)[0])


def linear(draw: Draw, kind: str) -> Layer:
    ic, oc = draw.between(1, 6), draw.between(1, 6)
    size, k = (draw.between(3, 7), draw.between(3, 7)), (draw.between(1, 3), draw.between(1, 3))
    stride, padding = draw.between(1, 2), draw.between(0, 1)
    x = wide(draw, (draw.between(1, 2), *size, ic))
    places = {"strideH": stride, "strideW": stride, "padding": padding}
    act = {"fusedActivationFunction": draw.pick([0, 0, 1, 3])}
    out = [-(-n // stride) if padding == 0 else (n - m) // stride + 1
           for n, m in zip(size, k, strict=True)]  # fmt: skip
    if kind == "CONV_2D":
        w, scale = weights(draw, (oc, *k, ic), oc, 0)
        shape = (x.shape[0], *out, oc)
        fields = options("Conv2DOptions", dilationHFactor=1, dilationWFactor=1, **places, **act)
    elif kind == "DEPTHWISE_CONV_2D":
        multiplier = draw.between(1, 2)
        oc = ic * multiplier
        w, scale = weights(draw, (1, *k, oc), oc, 3)
        shape = (x.shape[0], *out, oc)
        fields = options(
            "DepthwiseConv2DOptions", depthMultiplier=multiplier, dilationHFactor=1,
            dilationWFactor=1, **places, **act,
        )  # fmt: skip
    else:
        x = wide(draw, (draw.between(1, 3), ic * 4))
        w, scale = weights(draw, (oc, ic * 4), oc, 0)
        shape = (x.shape[0], oc)
        fields = options("FullyConnectedOptions", **act)
    products = np.float32(x.scale) * scale.astype(np.float32)
    b = bias(draw, oc, products)
    if kind == "DEPTHWISE_CONV_2D" and b.dtype == "int32":
        b = constant(b.data.astype(np.int64), b.scale)
    if kind == "FULLY_CONNECTED" and draw.between(0, 3) == 0:
        b = None
    if b is not None and b.dtype == "int32":
        fields.quantizedBiasType = schema.TensorType.INT32
    y = wide(draw, shape, np.float32(products.max() * draw.rng.uniform(2, 400)))
    return layer(draw, kind, [x, w, b], y, fields)


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_layers_of_weights(kind: str) -> None:
    random_layers(lambda draw: compare(linear(draw, kind)))()


def binary(draw: Draw, kind: str, name: str) -> Layer:
    shape = draw.shape(1, 4)
    other = draw.broadcast_to(shape)
    fields = options(name, fusedActivationFunction=draw.pick([0, 0, 1, 3]))
    a, b, y = (wide(draw, n, draw.scale(-15, -8) * np.float32(1.1)) for n in (shape, other, shape))
    if kind != "MUL":
        fields.potScaleInt16 = draw.flag()
        if draw.between(1, POWERS) == 1:
            first, second, least = draw.flag(), draw.between(0, 4), 2.0**-12
            scales = (least, least / 2**second) if first else (least / 2**second, least)
            other = shape if fields.potScaleInt16 else other  # ADD by shifts spreads nothing
            a, b, y = (wide(draw, n, s) for n, s in ((shape, scales[0]), (other, scales[1]),
                                                     (shape, least)))  # fmt: skip
    return layer(draw, kind, [a, b], y, fields)


@pytest.mark.parametrize(
    ("kind", "name"), [("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")]
)
def test_two_operands(kind: str, name: str) -> None:
    random_layers(lambda draw: compare(binary(draw, kind, name)))()


def unary(draw: Draw, kind: str) -> Layer:
    shape = draw.shape(1, 4)
    x, fields = wide(draw, shape), None
    y = wide(draw, shape, np.float32(x.scale * draw.rng.uniform(0.3, 3)))
    if kind in ("LOGISTIC", "TANH"):
        x, y = wide(draw, shape, draw.scale(-14, -5)), wide(draw, shape, 2.0**-15)
    elif kind == "LEAKY_RELU":
        fields = options("LeakyReluOptions", alpha=float(draw.rng.uniform(0, 1)))
    elif kind == "SOFTMAX":
        fields = options("SoftmaxOptions", beta=draw.pick([1.0, 0.5, 2.0]))
        x, y = wide(draw, shape, draw.scale(-15, -7)), wide(draw, shape, 2.0**-15)
    return layer(draw, kind, [x], y, fields)


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "LEAKY_RELU", "SOFTMAX", "RELU", "RELU6"])
def test_one_operand(kind: str) -> None:
    random_layers(lambda draw: compare(unary(draw, kind)))()


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "LEAKY_RELU", "RELU", "RELU6", "QUANTIZE"])
@pytest.mark.parametrize("seed", range(8))
def test_every_value(kind: str, seed: int) -> None:
    """Where the last place of a multiplier matters is one value of thousands."""
    compare(of_every_value(unary(Draw(seed), kind)))


@pytest.mark.parametrize(
    ("kind", "name"), [("ADD", "AddOptions"), ("SUB", "SubOptions"), ("MUL", "MulOptions")]
)
@pytest.mark.parametrize("seed", range(8))
def test_every_value_of_two(kind: str, name: str, seed: int) -> None:
    compare(of_every_value(binary(Draw(seed), kind, name)))


def of_every_value(made: Layer) -> Layer:
    """Return the layer on vectors that hold each value of int16 once, in an order of their own."""
    inputs, outputs = (
        [dataclasses.replace(value, shape=(1 << 16,)) for value in values]
        for values in (made.inputs, made.outputs)
    )
    every = np.arange(-(1 << 15), 1 << 15, dtype=np.int16)
    arrays = [np.random.default_rng(place).permutation(every) for place in range(len(inputs))]
    return dataclasses.replace(made, inputs=inputs, outputs=outputs, arrays=arrays)


def pool(draw: Draw, kind: str) -> Layer:
    size = (draw.between(3, 7), draw.between(3, 7))
    x = wide(draw, (1, *size, draw.between(1, 20)))
    fields = options(
        "Pool2DOptions", filterHeight=2, filterWidth=3, strideH=2, strideW=1,
        padding=1, fusedActivationFunction=draw.pick([0, 1, 3]),
    )  # fmt: skip
    out = ((size[0] - 2) // 2 + 1, size[1] - 2)
    return layer(draw, kind, [x], wide(draw, (1, *out, x.shape[3]), x.scale), fields)


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools(kind: str) -> None:
    random_layers(lambda draw: compare(pool(draw, kind)))()


TYPES = (
    ("int16", "int8"), ("int16", "int16"), ("int16", "int32"), ("int8", "int16"),
    ("int32", "int8"), ("int32", "int16"), ("float32", "int16"),
)  # fmt: skip


def conversion(draw: Draw, before: str, after: str) -> Layer:
    shape = (1, *draw.shape(1, 3))

    def tensor(dtype: str) -> Value:
        zero_point = draw.zero_point(dtype) if dtype == "int8" else 0
        return Value(shape, dtype, draw.scale(-15, -4), zero_point)

    x = Value(shape, "float32") if before == "float32" else tensor(before)
    y = tensor(after)
    if before != "float32" and draw.flag():  # neighbouring scales: few values saturate
        ratio = {1: 200, 2: 1, 4: 1 / 60000}[np.dtype(after).itemsize]
        ratio /= {1: 200, 2: 1, 4: 1 / 60000}[np.dtype(before).itemsize]
        y = Value(shape, after, np.float32(x.scale * ratio), y.zero_point)
    if before == "float32":
        steps = draw.rng.uniform(-40000, 40000, shape)
        steps = np.rint(steps * 2) / 2 if draw.flag() else steps
        return Layer("QUANTIZE", [x], [y], None, [(steps * y.scale).astype(np.float32)], 2)
    return layer(draw, "QUANTIZE", [x], y)


@pytest.mark.parametrize(("before", "after"), TYPES)
def test_quantize(before: str, after: str) -> None:
    random_layers(lambda draw: compare(conversion(draw, before, after)))()


def test_dequantize() -> None:
    def case(draw: Draw) -> None:
        x = wide(draw, draw.shape(1, 4))
        compare(layer(draw, "DEQUANTIZE", [x], Value(x.shape, "float32")))

    random_layers(case)()


def test_other_rules_are_refused() -> None:
    of = network(build(linear(Draw(1), "CONV_2D")))
    for rule in ("half_up", "tosa"):
        with pytest.raises(UnsupportedError, match="Conv2D of 16 bits is defined by LiteRT's rule"):
            prepare(of, rule)


def test_scales_that_are_refused() -> None:
    def case(kind: str, scale: float, x: Value) -> None:
        prepare(network(build(Layer(kind, [x], [Value((4,), "int16", scale)]))), "litert")

    with pytest.raises(UnsupportedError, match=r"tanh_0: expected an output scale of 2\^-15"):
        case("TANH", 0.1, Value((4,), "int16", 0.1))
    with pytest.raises(RangeError, match="expected zero point 0 of int16 t0, found 3"):
        case("LOGISTIC", 2.0**-15, Value((4,), "int16", 0.1, 3))
    sums = [Value((4,), "int16", 2.0**e) for e in (-10, -9, -11)]
    fields = options("AddOptions", potScaleInt16=True)
    with pytest.raises(RangeError, match=r"one operand of int16 at the output's scale"):
        prepare(network(build(Layer("ADD", sums[:2], sums[2:], fields))), "litert")
