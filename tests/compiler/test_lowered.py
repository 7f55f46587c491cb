"""What is lowered with its reader is computed on its own where the host computes that reader."""

from __future__ import annotations

import pytest

from npusim import Machine
from npusim import operators as op
from tests.compiler.agreement import assert_agrees
from tests.compiler.blocks import Builder

CHANNELS = 5
"""No whole vectors: LiteRT's optimized depthwise kernel rounds the rest otherwise."""


@pytest.mark.parametrize("with_another_reader", [False, True])
def test_padding_before_a_convolution_of_the_host(with_another_reader: bool) -> None:
    b = Builder((1, 6, 7, CHANNELS))
    padded = b.moved(op.Pad((0, 1, 0, 0), (0, 1, 2, 0)), "x")
    y = b.conv(padded, CHANNELS, 3, depthwise=True)
    if with_another_reader:
        y = b.node(op.Add(), y, b.conv(padded, CHANNELS, 3))
    compiled = assert_agrees(b.network(y), Machine.load("nano"), "litert-opt")
    hosts = [step.operator for step in compiled.program.steps if step.kind == "host"]
    assert hosts == ["Conv2D"]
