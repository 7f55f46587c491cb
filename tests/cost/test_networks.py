"""Whole networks add up: layers to totals, bytes to the program's transfers, MACs to the graph."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from npusim.analysis.absorbed import absorbed
from npusim.compiler.graph.nominal import nominal_network
from npusim.cost.energy import energy_pj, with_total
from npusim.cost.prices import COMPONENTS
from npusim.engines.estimate import estimate
from npusim.engines.program_cost import ProgramCost
from npusim.formats.files import load
from npusim.graph.network import Network
from npusim.isa.columns import RegisterFile, group_of
from npusim.isa.instructions import PAGES
from npusim.isa.spec import INSTRUCTION_BYTES
from npusim.machines import Machine
from npusim.operators.count import layer_macs
from npusim.simulator.counts import NAMES, event_counts

DIGITS = Path(__file__).resolve().parents[2] / "npusim/networks/digits"
MACHINES = ("nano", "base")


def transfers(found: ProgramCost) -> Counter[str]:
    """Return the bytes of all instructions, each transfer taken apart into its segments."""
    machine, files, total = found.program.machine, RegisterFile(), Counter()
    for item in found.program.instructions:
        total["fetch_bytes"] += INSTRUCTION_BYTES
        if item.name == "CFG":
            files.configure(item)
        elif item.name in ("LD", "ST"):
            move = PAGES[item.name].transfer(group_of(item, files.of(item.engine)), machine)
            assert move is not None
            key = "dram_write_bytes" if item.name == "ST" else "dram_read_bytes"
            for _ in range(int(move.blocks[0])):
                row = int(move.columns[0] * move.element_beats[0]) * machine.bus.bus_bytes
                total[key] += int(move.rows[0]) * row
    return total


def assert_adds_up(network: Network, machine: Machine) -> None:
    found = estimate(network, machine)
    layers = found.layers
    # Cycles and events, and the energy of them priced at once.
    events: Counter[str] = Counter()
    for timeline in found.timelines:
        events.update(event_counts(timeline).total())
    assert sum(layer.cycles for layer in layers) == found.cycles
    for name in NAMES:
        assert sum(layer.counts[name] for layer in layers) == events[name], name
    at_once = with_total(energy_pj(machine, machine.energy.technology, events, found.cycles))
    energy = found.energy_pj
    assert energy.keys() == {"total", *COMPONENTS}
    for name, pj in at_once.items():
        assert energy[name] == pytest.approx(pj, rel=1e-12), name
        assert energy[name] == pytest.approx(sum(row.energy_pj[name] for row in layers), rel=1e-12)
    for layer in layers:
        parts = [layer.energy_pj[name] for name in COMPONENTS]
        assert layer.energy_pj["total"] == pytest.approx(sum(parts), rel=1e-12)
        assert min(parts) >= 0, layer.name
    # Bytes.
    for name, moved in transfers(found).items():
        assert events[name] == moved, name
    assert found.dram_bytes == events["dram_read_bytes"] + events["dram_write_bytes"]
    # MACs: the graph's, and at least as many products in the array.
    graph = nominal_network(network)
    wanted = {node.name: layer_macs(graph, node) for node in graph.nodes}
    assert sum(wanted.values()) == found.macs + sum(wanted[name] for name in found.host_operators)
    inside = absorbed(graph, found.program)
    for layer in layers:
        products = sum(layer.counts[name] for name in NAMES if name.startswith("macs_"))
        of_layer = [layer.name, *(one.name for one in inside if one.layer == layer.name)]
        assert products >= layer.macs == sum(wanted[name] for name in of_layer), layer.name


@pytest.mark.parametrize("machine", [*MACHINES, "small", "wide"])
@pytest.mark.parametrize("name", ["digits_int8", "digits_float"])
def test_digits(name, machine):
    assert_adds_up(load(DIGITS / f"{name}.onnx"), Machine.load(machine))


@pytest.mark.shared
@pytest.mark.parametrize("machine", MACHINES)
def test_reference_networks(shared, machine):
    paths = [
        p for p in sorted((shared / "models").rglob("*.*")) if p.suffix in (".tflite", ".onnx")
    ]
    assert len(paths) > 25
    for path in paths:
        if "hybrid" not in path.stem:  # float activations on integer weights are not supported
            assert_adds_up(load(path), Machine.load(machine))
