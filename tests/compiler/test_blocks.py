"""Blocks of well-known networks, and one whole, on `base`: bytes, share of the array, the host."""

from __future__ import annotations

import pytest

from npusim.engines.estimate import estimate
from npusim.machines import Machine
from npusim.operators.count import layer_macs
from tests.compiler.agreement import assert_agrees
from tests.compiler.blocks import BLOCKS, mobilenet_v3_small

LEFT = {
    "deeplab_v3": set(),
    "ssd_mobilenet": set(),
    "mobilenet_v3": set(),
    "mobilenet_v3_small": set(),
    "vit_tiny": {"Softmax"},
    "bert_tiny": {"Softmax"},
}
"""What the host computes of each."""
BUILT = BLOCKS | {"mobilenet_v3_small": mobilenet_v3_small}


@pytest.mark.parametrize("name", BUILT)
def test_a_network_runs_on_base_with_the_kernels_bytes(name: str) -> None:
    network, base = BUILT[name](), Machine.load("base")
    compiled = assert_agrees(network, base, "litert")
    on_array = sum(layer.macs for layer in compiled.program.layers)
    assert on_array >= 0.99 * sum(layer_macs(network, node) for node in network.nodes) > 0
    cost = estimate(network, base, "litert")
    assert cost.cycles > 0
    kinds = {node.name: node.kind for node in network.nodes}
    assert {kinds[row.name] for row in cost.host} == LEFT[name]
    assert all(row.cycles > 0 and row.energy_pj > 0 for row in cost.host)
