"""What bounds each layer: the least cycles that its work takes, and where the others go.

A machine multiplies SIZE * SIZE weights a cycle, and each of its two data ports moves a beat a
cycle. So no program takes fewer cycles than its multiplications, its reads or its writes need. A
layer's loads may run while the layer before it is computed: its own cycles may then be fewer than
its bytes need, and only the sums of a whole network bound it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from npusim.analysis.engine_activity import COMPUTE_WORK
from npusim.analysis.layer_cycles import LayerCycles
from npusim.isa.layout import tensor_bytes
from npusim.isa.program import Program
from npusim.isa.spec import INSTRUCTION_BYTES
from npusim.machines import Machine

PARTS = {
    "array": "array",
    "weights": "fill of the array",
    "requantize": "requantizers",
    "vector": "vector unit",
    "configure": "configuration",
    "reads": "bus, reading",
    "writes": "bus, writing",
    "waits": "waits",
}
"""What may take the most of a layer's cycles, and its words: MX's and EP's work, ports, waits."""


@dataclass(frozen=True)
class LayerBounds:
    """What one layer takes, and what it would take at the least.

    `least_array_cycles`: with every element of the array busy. `part_cycles`: of MX, or else EP, by
    what they do, of the ports (`reads`, `writes`: beats), and of both waiting (`waits`).
    """

    name: str
    operator: str
    cycles: int
    least_array_cycles: int
    part_cycles: dict[str, int]

    @property
    def least_cycles(self) -> int:
        """Cycles that array and ports need, whatever the order: the greatest of the three."""
        ports = max(self.part_cycles["reads"], self.part_cycles["writes"])
        return max(self.least_array_cycles, ports)

    @property
    def bound(self) -> str:
        """What takes the most: one of PARTS.

        The parts of MX and EP exclude each other, so that a port bounds the layer if it is busy for
        longer than all of them together.
        """
        parts = self.part_cycles
        port = max(("reads", "writes"), key=lambda name: parts[name])
        if parts[port] > sum(parts[name] for name in COMPUTE_WORK):
            return port
        return max((*COMPUTE_WORK, "waits"), key=lambda name: parts[name])

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return asdict(self) | {"least_cycles": self.least_cycles, "bound": self.bound}


def layer_bounds(machine: Machine, layer: LayerCycles) -> LayerBounds:
    """Return what bounds a layer that was timed on `machine`."""
    beat = machine.bus.bus_bytes
    parts = layer.busy_cycles | {
        "reads": layer.counts["dram_read_bytes"] // beat,
        "writes": layer.counts["dram_write_bytes"] // beat,
        "waits": max(layer.cycles - sum(layer.busy_cycles.values()), 0),
    }
    least = -(-layer.macs // machine.multipliers)
    return LayerBounds(layer.name, layer.operator, layer.cycles, least, parts)


@dataclass(frozen=True)
class NetworkBounds:
    """The layers of a program on a machine, and what no other program could do without.

    `compulsory_bytes`: of the constants, the network's inputs and outputs, each moved once;
    `program_bytes` are fetched by a port of their own.
    """

    machine: str
    layers: tuple[LayerBounds, ...]
    cycles: int
    dram_bytes: int
    compulsory_bytes: int
    program_bytes: int
    bus_bytes: int

    @property
    def least_array_cycles(self) -> int:
        """Cycles of all multiplications with every element of the array busy."""
        return sum(layer.least_array_cycles for layer in self.layers)

    @property
    def least_bus_cycles(self) -> int:
        """Cycles in which the port that reads moves the constants and inputs alone."""
        return -(-self.compulsory_bytes // self.bus_bytes)

    @property
    def least_cycles(self) -> int:
        """The greater of both."""
        return max(self.least_array_cycles, self.least_bus_cycles)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "machine": self.machine,
            "cycles": self.cycles,
            "least_cycles": self.least_cycles,
            "least_array_cycles": self.least_array_cycles,
            "least_bus_cycles": self.least_bus_cycles,
            "dram_bytes": self.dram_bytes,
            "compulsory_bytes": self.compulsory_bytes,
            "program_bytes": self.program_bytes,
            "layers": [layer.as_json() for layer in self.layers],
        }


def network_bounds(program: Program, layers: Iterable[LayerCycles], cycles: int) -> NetworkBounds:
    """Return what bounds a program whose layers were timed; `cycles`: of all its runs."""
    machine, rows = program.machine, tuple(layers)
    ends = {*program.inputs, *program.outputs}
    moved = sum(
        tensor_bytes(p.height, p.width, p.channels, machine.size, machine.bus.bus_bytes)
        for p in program.places
        if p.name in ends
    )
    return NetworkBounds(
        machine.name,
        tuple(layer_bounds(machine, layer) for layer in rows),
        cycles,
        sum(layer.dram_bytes for layer in rows),
        moved + program.regions[0].size_bytes,
        INSTRUCTION_BYTES * len(program.instructions),
        machine.bus.bus_bytes,
    )
