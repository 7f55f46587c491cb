"""Weights of four and of two bits in .tflite files: unpacked, and LiteRT's bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from npusim.errors import UnsupportedError
from tests.operators.litert_cases import Draw, Layer, build, compare, network, random_layers
from tests.simulator import tflite_builder
from tests.simulator.tflite_builder import Value, constant, options


@pytest.fixture(autouse=True)
def with_few_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    for bits in (2, 4):
        kind = getattr(schema.TensorType, f"INT{bits}")
        monkeypatch.setitem(tflite_builder.TYPES, f"int{bits}", kind)


@random_layers
def test_layers_equal_litert(draw: Draw) -> None:
    inner, outer, rows = draw.between(1, 9), draw.between(1, 6), draw.between(1, 3)
    integers = draw.rng.integers(-7, 8, (outer, inner)).astype(np.int64)
    flat = np.append(integers.ravel(), np.zeros(integers.size % 2, np.int64)) & 15
    packed = (flat[0::2] | flat[1::2] << 4).astype(np.uint8)
    scales = np.array([draw.scale(-6, -2) for _ in range(outer)])
    weights = replace(Value((outer, inner), "int4", scales), data=packed)
    x, y = draw.quantized((rows, inner), "int8"), draw.quantized((rows, outer), "int8")
    bias = constant(np.zeros(outer, np.int32), scales * np.float32(x.scale))
    chosen = options("FullyConnectedOptions")
    layer = Layer("FULLY_CONNECTED", [x, weights, bias], [y], chosen, [draw.array(x)], 12)
    compare(layer, kernels=("ref", "opt"))


@random_layers
def test_two_bits_beside_floats_equal_litert(draw: Draw) -> None:
    inner, outer, rows = 4 * draw.between(1, 5), draw.between(1, 6), draw.between(1, 3)
    codes = draw.rng.integers(-2, 2, (outer, inner)).ravel() & 3
    packed = sum(codes[i::4] << 2 * i for i in range(4)).astype(np.uint8)
    scales = np.array([draw.scale(-6, -2) for _ in range(outer)])
    weights = replace(Value((outer, inner), "int2", scales), data=packed)
    x, y = draw.plain((rows, inner), "float32"), draw.plain((rows, outer), "float32")
    chosen = options("FullyConnectedOptions", asymmetricQuantizeInputs=draw.flag())
    layer = Layer("FULLY_CONNECTED", [x, weights], [y], chosen, [draw.array(x, -4, 4)], 14)
    compare(layer, ulp=16, of_largest=True, kernels=("ref",))


def test_two_bits_in_another_operator_are_refused() -> None:
    weights = replace(Value((4, 1, 1, 4), "int2", np.full(4, 0.1)), data=np.zeros(4, np.uint8))
    inputs: list[Value | None] = [Value((1, 2, 2, 4), "float32"), weights]
    chosen = options("Conv2DOptions", strideH=1, strideW=1)
    layer = Layer("CONV_2D", inputs, [Value((1, 2, 2, 4), "float32")], chosen, [], 5)
    with pytest.raises(UnsupportedError, match="conv_2d_0: LiteRT unpacks constants of two bits"):
        network(build(layer))
