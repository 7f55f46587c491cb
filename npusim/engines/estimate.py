"""Cycles and energy of a network on a machine without executing data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from npusim.analysis.layer_cycles import LayerCycles, layer_cycles, total_energy_pj
from npusim.compiler.compile import compile_network
from npusim.compiler.graph.nominal import nominal_network
from npusim.cost.area import area_json
from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.simulator.machine.run import time_program
from npusim.simulator.machine.timeline import Timeline


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one sample costs: cycles of all runs, and of each layer.

    `host`: operators that the host computes between the runs, which have no cycles. `timelines`:
    when each instruction of each run issued and retired.
    """

    program: Program
    cycles: int
    layers: tuple[LayerCycles, ...]
    host: tuple[str, ...]
    timelines: tuple[Timeline, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates on the machine."""
        return sum(layer.macs for layer in self.layers)

    @property
    def dram_bytes(self) -> int:
        """Bytes that LD and ST move; FETCH reads 16 bytes an instruction besides."""
        return sum(layer.dram_bytes for layer in self.layers)

    @property
    def utilization(self) -> float:
        """Multiply-accumulates for each cycle and element of the array."""
        return self.macs / max(self.cycles * self.program.machine.size**2, 1)

    @property
    def energy_pj(self) -> dict[str, float]:
        """Energy of one sample: `total` and by component."""
        return total_energy_pj(self.layers)

    def as_json(self) -> dict[str, Any]:
        """Return the estimate as JSON-ready values, in the keys of `npusim run --json`."""
        machine = self.program.machine
        return {
            "model": self.program.name,
            "engine": "machine",
            "requant": self.program.requant,
            "machine": machine.name,
            "cycles": self.cycles,
            "seconds_on_machine": self.cycles / machine.clock.frequency_hz,
            "macs": self.macs,
            "utilization": self.utilization,
            "dram_bytes": self.dram_bytes,
            "energy_pj": self.energy_pj,
            **area_json(machine),
            "instructions": len(self.program.instructions),
            "host_operators": list(self.host),
            "layers": [layer.as_json() for layer in self.layers],
        }

    def _repr_html_(self) -> str:
        from npusim.report.notebook import machine_html

        return machine_html(self.program, self.timelines, self.as_json())


def estimate(network: Network, machine: Machine, requant: str = "auto") -> Estimate:
    """Return what one sample of `network` (integer, float, or shapes alone) costs on `machine`.

    Raises
    ------
    CapacityError, UnsupportedError
        As compile_network; or neither the machine nor the host computes an operator.
    """
    network = nominal_network(network)
    program = compile_network(network, machine, requant, with_data=False)
    _require_hosts(network, program)
    timelines = time_program(program)
    return Estimate(
        program,
        sum(timeline.cycles for timeline in timelines),
        layer_cycles(program, timelines),
        tuple(step.node for step in program.steps if step.kind == "host"),
        tuple(timelines),
    )


def _require_hosts(network: Network, program: Program) -> None:
    """Raise UnsupportedError where the host has no function for what is left to it."""
    left = {step.node for step in program.steps if step.kind == "host"}
    if not left:
        return
    from npusim.kernels import steps, steps_onnxruntime
    from npusim.operators.pages import PAGE_OF

    for node in network.nodes:
        if node.name in left and not (
            type(node.operator) in PAGE_OF
            or steps.has_step(node.operator)
            or steps_onnxruntime.has_step(node.operator)
        ):
            raise UnsupportedError(
                f"{node.name}: neither the machine nor the host computes {node.kind}"
            )
