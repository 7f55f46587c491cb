"""Blocks of well-known networks on `base`: bytes, the array's share, what is left to the host."""

from __future__ import annotations

import pytest

from npusim.engines.estimate import estimate
from npusim.machines import Machine
from npusim.operators.count import layer_macs
from tests.compiler.agreement import assert_agrees
from tests.compiler.blocks import BLOCKS

LEFT = {
    "deeplab_v3": set(),
    "ssd_mobilenet": set(),
    "mobilenet_v3": set(),
    "mobilenet_v3_small": set(),
    "vit_tiny": {"Softmax"},
    "bert_tiny": {"Softmax"},
}
"""What the host computes of each."""


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_runs_on_base_with_the_kernels_bytes(name: str) -> None:
    network, base = BLOCKS[name](), Machine.load("base")
    compiled = assert_agrees(network, base, "litert")
    on_array = sum(layer.macs for layer in compiled.program.layers)
    assert on_array >= 0.99 * sum(layer_macs(network, node) for node in network.nodes) > 0
    cost = estimate(network, base, "litert")
    assert cost.cycles > 0
    kinds = {node.name: node.kind for node in network.nodes}
    assert {kinds[row.name] for row in cost.host} == LEFT[name]
    assert all(row.cycles > 0 and row.energy_pj > 0 for row in cost.host)
