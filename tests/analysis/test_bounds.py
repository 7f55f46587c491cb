"""What bounds layers: never above what they take in all; parts of MX and EP exclude each other."""

from __future__ import annotations

import pytest

import npusim
from npusim.analysis.bounds import PARTS, network_bounds
from npusim.engines.estimate import estimate
from npusim.isa.spec import INSTRUCTION_BYTES
from npusim.machines import Machine
from npusim.words import MACHINES
from tests.conftest import DIGITS


@pytest.mark.parametrize("name", MACHINES)
def test_no_network_goes_below_its_least_cycles(name: str) -> None:
    machine = Machine.load(name)
    cost = estimate(npusim.load(DIGITS / "digits_int8.onnx"), machine)
    found = network_bounds(cost.program, cost.layers, cost.cycles)
    assert found.cycles == sum(layer.cycles for layer in found.layers)
    assert found.least_cycles <= found.cycles
    assert found.program_bytes == INSTRUCTION_BYTES * len(cost.program.instructions)
    for layer, row in zip(found.layers, cost.layers, strict=True):
        assert layer.least_array_cycles * machine.size**2 >= row.macs
        assert layer.least_array_cycles <= layer.part_cycles["array"] or not row.macs
        assert set(layer.part_cycles) == set(PARTS)
        assert layer.bound in PARTS
        if layer.bound in ("reads", "writes"):
            assert layer.part_cycles[layer.bound] > sum(row.busy_cycles.values())
    busy = sum(sum(row.busy_cycles.values()) for row in cost.layers)
    assert busy <= found.cycles


def test_more_bandwidth_moves_the_bound_from_the_bus() -> None:
    network = npusim.load(DIGITS / "digits_int8.onnx")
    slow = Machine.load("base").with_({"bus.bus_bytes": 4, "memory.latency_cycles": 400})
    bounds = {}
    for machine in (slow, Machine.load("base")):
        cost = estimate(network, machine)
        found = network_bounds(cost.program, cost.layers, cost.cycles)
        bounds[machine.bus.bus_bytes] = sum(layer.part_cycles["waits"] for layer in found.layers)
        assert found.least_bus_cycles == -(-found.compulsory_bytes // machine.bus.bus_bytes)
    assert bounds[4] > bounds[8]
