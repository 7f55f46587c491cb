"""Engine `rtl`: the compiled program on the Verilog of the NPU; bytes and cycles as it does."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.cosim import toolchain
from npusim.cosim.npu.measure import measure_step
from npusim.engines.engine import Progress, Samples
from npusim.engines.machine import kept_names, run_compiled
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.result import MachineResult
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.words import Rule


@dataclass(frozen=True)
class RtlEngine:
    """The RTL of `machine`, compiled by Verilator; `reset_state` as of MachineNetwork.run."""

    machine: Machine
    reset_state: bool = False

    def run(
        self,
        network: Network,
        x: Samples,
        rule: Rule,
        *,
        keep_tensors: bool = False,
        progress: Progress | None = None,
    ) -> MachineResult:
        """Execute `network` on `x`, one part of it after the other; cycles are measured.

        Raises
        ------
        CosimulationError
            Verilator is missing, or the RTL cannot be run.
        """
        toolchain.require("verilator")
        compiled = MachineNetwork(network, self.machine, rule, keep_tensors, measure_step)
        names = kept_names(compiled, network, keep_tensors)
        return run_compiled(compiled, network, x, "rtl", rule, names, self.reset_state, progress)
