"""What one execution of a compiled network costs: cycles of its runs, and of each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npusim.analysis.layer_cycles import LayerCycles, accesses_of, layer_cycles, total_energy_pj
from npusim.cost.area import area_json
from npusim.cost.host import HostCost, host_costs, total_cycles
from npusim.isa.program import Program
from npusim.simulator.timing.dram import OUTCOMES
from npusim.simulator.timing.timeline import Timeline
from npusim.writing import whole_file


@dataclass(frozen=True, eq=False)
class ProgramCost:
    """What the program's samples cost, as predicted by the simulator or measured in the RTL.

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
    def host(self) -> tuple[HostCost, ...]:
        """What the nodes cost that the host computes between the runs."""
        return host_costs(self.program)

    @property
    def host_operators(self) -> tuple[str, ...]:
        """Names of those nodes."""
        return tuple(row.name for row in self.host)

    @property
    def host_cycles(self) -> int:
        """Cycles of the host's clock."""
        return total_cycles(self.host)

    @property
    def host_energy_pj(self) -> float:
        """Energy of the host, which is not in `energy_pj`."""
        return sum((row.energy_pj for row in self.host), 0.0)

    @property
    def seconds(self) -> float:
        """Seconds of the samples: the machine's and the host's, one after the other."""
        machine = self.program.machine
        on_host = self.host_cycles / machine.host.frequency_hz
        return self.cycles / machine.clock.frequency_hz + on_host

    @property
    def macs(self) -> int:
        """Multiply-accumulates on the machine."""
        return sum(layer.macs for layer in self.layers)

    @property
    def dram_bytes(self) -> int:
        """Bytes that LD and ST move; FETCH reads 16 bytes an instruction besides."""
        return sum(layer.dram_bytes for layer in self.layers)

    @property
    def dram_accesses(self) -> dict[str, int]:
        """What the accesses of all layers met in a DRAM of banks and rows, and its refreshes.

        Empty in another memory.
        """
        if self.program.machine.memory.model != "dram":
            return {}
        rows = [layer.counts for layer in self.layers]
        found = accesses_of({name: sum(row[name] for row in rows) for name in OUTCOMES})
        return found | {"refreshes": sum(timeline.refreshes for timeline in self.timelines)}

    @property
    def utilization(self) -> float:
        """Multiply-accumulates for each cycle and element of the array."""
        return self.macs / max(self.cycles * self.program.machine.multipliers, 1)

    @property
    def energy_pj(self) -> dict[str, float]:
        """Energy of the samples: `total` and by component."""
        return total_energy_pj(self.layers)

    def as_json(self) -> dict[str, Any]:
        """Return the cost as JSON-ready values, in the keys of `npusim run --json`."""
        machine = self.program.machine
        return {
            "model": self.program.name,
            "engine": "machine",
            "requant": self.program.requant,
            "machine": machine.name,
            "batch": self.program.samples,
            "cycles": self.cycles,
            "seconds_on_machine": self.cycles / machine.clock.frequency_hz,
            **self.host_json(),
            "macs": self.macs,
            "utilization": self.utilization,
            "dram_bytes": self.dram_bytes,
            **({"dram_accesses": self.dram_accesses} if self.dram_accesses else {}),
            "energy_pj": self.energy_pj,
            **area_json(machine),
            "instructions": len(self.program.instructions),
            "layers": [layer.as_json() for layer in self.layers],
        }

    def host_json(self) -> dict[str, Any]:
        """Return the host's share as JSON-ready values; totals of the machine leave it out."""
        return {
            "host_operators": list(self.host_operators),
            "host_cycles": self.host_cycles,
            "host_energy_pj": self.host_energy_pj,
            "host_layers": [row.as_json() for row in self.host],
            "seconds_with_host": self.seconds,
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
