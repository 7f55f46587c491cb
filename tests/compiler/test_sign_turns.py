"""A Quantize that only turns the sign of bytes has no instruction; every other one has its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim import operators as op
from npusim.compiler.compile import compile_network
from npusim.graph.network import Network
from npusim.graph.tensor import Quantization
from npusim.machines import Machine
from npusim.words import Rule
from tests.compiler.agreement import assert_agrees
from tests.compiler.blocks import Builder


def behind_quantize(
    zero_point: int = 131, scale: float = 0.05, channels: int = 20, reader: str = "conv"
) -> Network:
    """uint8 of `zero_point` and `scale` to int8 of 3 and 0.05, then a layer with a border."""
    b = Builder((1, 9, 7, channels))
    q = Quantization(np.array(scale, np.float32), np.array(zero_point, np.int64))
    b.tensors["x"] = replace(b.tensors["x"], dtype=np.dtype(np.uint8), quantization=q)
    y = b.node(op.Quantize(), "x")
    if reader == "add":
        return b.network(b.node(op.Add(), b.conv(y, channels), y))
    if reader == "output":
        return b.network(b.conv(y, 24, 3), y)
    kernel = 3 if reader != "pointwise" else 1
    return b.network(b.conv(y, 24 if reader != "depthwise" else channels, kernel,
                            depthwise=reader == "depthwise"))  # fmt: skip


def layers(network: Network, rule: Rule = "litert") -> list[str]:
    return [
        layer.operator for layer in compile_network(network, Machine.load("small"), rule).layers
    ]


@pytest.mark.parametrize("reader", ["conv", "depthwise", "pointwise"])
@pytest.mark.parametrize("rule", ["litert", "litert-opt", "tosa"])
def test_the_layer_reads_the_bytes_as_they_came(reader: str, rule: Rule) -> None:
    for channels in (3, 16, 20):
        network = behind_quantize(channels=channels, reader=reader)
        assert_agrees(network, Machine.load("small"), rule)
    assert layers(behind_quantize(reader=reader, channels=16), rule) == ["Conv2D"]


def test_in_the_float32_requantizer_too() -> None:
    machine = Machine.load("small").with_({"array.fp32_requantizer": 1})
    assert_agrees(behind_quantize(channels=16), machine, "xnnpack")


@pytest.mark.parametrize(
    "other",
    [
        {"zero_point": 130},
        {"scale": 0.06},
        {"reader": "add"},
        {"reader": "output"},
    ],
)
def test_what_is_more_than_a_turn_is_computed(other: dict) -> None:
    network = behind_quantize(**other)
    assert layers(network)[0] == "Quantize"
    assert_agrees(network, Machine.load("small"), "litert")
