"""Weights of four bits in .tflite files: unpacked, and LiteRT's bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.operators.litert_cases import Draw, Layer, compare, random_layers
from tests.simulator import tflite_builder
from tests.simulator.tflite_builder import Value, constant, options


@pytest.fixture(autouse=True)
def with_four_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tflite_builder.TYPES, "int4", schema.TensorType.INT4)


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
