"""Engine `machine`: the compiled program on the simulated NPU, with cycles and energy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter_ns

import numpy as np

from npusim.engines.engine import Progress, Samples
from npusim.engines.layer_rows import layer_row
from npusim.engines.machine_network import MachineNetwork
from npusim.engines.program_cost import ProgramCost
from npusim.engines.result import MachineResult
from npusim.engines.simulation import Simulation
from npusim.engines.toggles import CountingRun, with_toggles
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.runtimes.rule import has_layers_in_float
from npusim.words import EnergyModel, EngineName, Rule


@dataclass(frozen=True)
class MachineEngine:
    """The simulator of `machine`; `energy`: what the energy of products is found from.

    With `reset_state` every sample begins with the initial state.
    """

    machine: Machine
    energy: EnergyModel = "average"
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
        """Execute `network` on `x`, one part of it after the other."""
        execute = CountingRun() if self.energy == "toggles" else Simulation()
        compiled = MachineNetwork(network, self.machine, rule, keep_tensors, execute)
        names = kept_names(compiled, network, keep_tensors)
        return run_compiled(
            compiled, network, x, "machine", rule, names, self.reset_state, progress
        )


def kept_names(compiled: MachineNetwork, network: Network, keep_tensors: bool) -> tuple[str, ...]:
    """Return the tensors to keep: the outputs, or all that have a place in DRAM."""
    places = (place.name for place in compiled.program.places) if keep_tensors else ()
    return tuple(dict.fromkeys((*places, *network.outputs)))


def run_compiled(
    compiled: MachineNetwork,
    network: Network,
    x: Samples,
    engine: EngineName,
    rule: Rule,
    names: tuple[str, ...],
    reset_state: bool,
    progress: Progress | None,
) -> MachineResult:
    """Run `compiled`, which was made of `network` under `rule`, on `x`, and keep tensors `names`.

    Where the runtime computes in floating point, its outputs are computed too and compared.
    """
    program = compiled.program
    start_ns = perf_counter_ns()
    tensors, runs = compiled.run(x, names, reset_state=reset_state, progress=progress)
    seconds = (perf_counter_ns() - start_ns) / 1e9
    differing = None
    if has_layers_in_float(rule):
        expected = prepare(network, rule).run(x, reset_state=reset_state)
        differing = sum(
            int(np.count_nonzero(tensors[name] != expected[name])) for name in network.outputs
        )
    average = cost = ProgramCost.of(program, runs[0].timelines)
    if isinstance(compiled.execute, CountingRun):
        rows = with_toggles(average.layers, program, average.timelines, compiled.execute, len(runs))
        cost = replace(average, layers=rows)
    costs = {row.name: row for row in cost.layers}
    return MachineResult(
        network=network,
        engine=engine,
        requant=rule,
        outputs={name: tensors[name] for name in network.outputs},
        tensors=tensors,
        layers=tuple(
            layer_row(compiled.network, node, rule, cost=costs.get(node.name))
            for node in compiled.network.nodes
        ),
        samples=compiled.samples_of(x),
        seconds=seconds,
        batch=program.samples,
        cost=cost,
        average_energy=None if cost is average else average.energy_pj,
        differing_outputs=differing,
    )
