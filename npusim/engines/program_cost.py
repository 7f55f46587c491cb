"""What one sample of a compiled network costs: cycles of its runs, and of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npusim.analysis.layer_cycles import LayerCycles, layer_cycles, total_energy_pj
from npusim.cost.area import area_json
from npusim.isa.program import Program
from npusim.simulator.timing.timeline import Timeline
from npusim.writing import whole_file


@dataclass(frozen=True, eq=False)
class ProgramCost:
    """What one sample costs, as predicted by the simulator or measured in the RTL.

    `timelines`: when each instruction of each run issued and retired; they depend on no data.
    """

    program: Program
    timelines: tuple[Timeline, ...]
    layers: tuple[LayerCycles, ...]

    @classmethod
    def of(cls, program: Program, timelines: Sequence[Timeline]) -> ProgramCost:
        """Return the cost of `program`, whose runs took `timelines`, at average energy prices."""
        return cls(program, tuple(timelines), layer_cycles(program, timelines))

    @property
    def cycles(self) -> int:
        """Cycles of all runs."""
        return sum(timeline.cycles for timeline in self.timelines)

    @property
    def host_operators(self) -> tuple[str, ...]:
        """Nodes that the host computes between the runs, which have no cycles."""
        return tuple(step.node for step in self.program.steps if step.kind == "host")

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
        """Return the cost as JSON-ready values, in the keys of `npusim run --json`."""
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
            "host_operators": list(self.host_operators),
            "layers": [layer.as_json() for layer in self.layers],
        }

    def save_trace(self, path: str | Path) -> None:
        """Write when each instruction ran, for ui.perfetto.dev: .json, or .json.gz.

        Raises
        ------
        FormatError
            The file cannot be written.
        """
        from npusim.report.trace import write_trace

        cycles = {layer.name: layer.cycles for layer in self.layers}
        target = Path(path)
        with whole_file(target) as file:
            write_trace(file, self.program, self.timelines, cycles, target.suffix == ".gz")

    def _repr_html_(self) -> str:
        from npusim.report.notebook import machine_html

        return machine_html(self.program, self.timelines, self.as_json())
