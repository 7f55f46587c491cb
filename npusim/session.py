"""Run a network on an engine: what a notebook or the command line calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

import npusim
from npusim.analysis.layers import LayerReport
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.machines import Machine
from npusim.operators.count import layer_macs, layer_rounding, layer_scheme, layer_weight_bytes
from npusim.runtimes.requantization import resolve_rule
from npusim.words import EnergyModel, Engine, Rule

if TYPE_CHECKING:
    from npusim.engines.machine import Execute
    from npusim.isa.program import Program
    from npusim.kernels.engine import Prepared
    from npusim.simulator.machine.timeline import Timeline


_loaded: WeakKeyDictionary[Network, set[Rule]] = WeakKeyDictionary()
"""Rules under which a network ran in this process: their kernels are compiled or loaded."""


@dataclass(frozen=True, eq=False)
class Result:
    """What a run gave.

    Attributes
    ----------
    outputs, tensors : mapping of tensor name to array
        The network's outputs and (when kept) every named tensor, in the file's own layout, all
        samples along the leading axis.
    layers
        One row per layer, in execution order.
    requant
        The rounding rule in force.
    samples, seconds
        How many samples ran, and the host's wall time for all of them.
    machine, cycles, dram_bytes, host_operators
        Engines `machine`, `rtl`: its name, cycles and DRAM bytes of one sample, and the nodes that
        the host computes. None and empty otherwise.
    average_energy
        Where `energy` is that of the data that ran: what the average model says. None otherwise.
    differing_outputs
        Where a rule was asked for that exists only in floating point, and `requant` is the integer
        rule of the machine: how many output values differ from that rule's. None otherwise.
    program, timelines
        Engines `machine`, `rtl`: what ran, and the cycles of each of its runs for one sample (they
        depend on no data), predicted or measured. None and empty otherwise.
    """

    network: Network
    engine: Engine
    requant: Rule
    outputs: Mapping[str, NDArray]
    tensors: Mapping[str, NDArray]
    layers: tuple[LayerReport, ...]
    samples: int
    seconds: float
    machine: str | None = None
    cycles: int | None = None
    dram_bytes: int | None = None
    energy: Mapping[str, float] | None = None
    average_energy: Mapping[str, float] | None = None
    host_operators: tuple[str, ...] = ()
    differing_outputs: int | None = None
    program: Program | None = None
    timelines: tuple[Timeline, ...] = ()

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        return sum(layer.macs for layer in self.layers)

    def as_json(self) -> dict[str, Any]:
        """Return the results as JSON-ready values; docs/json.md describes the keys."""
        machine = {
            "machine": self.machine,
            "cycles": self.cycles,
            "dram_bytes": self.dram_bytes,
            "energy_pj": self.energy,
            "average_energy_pj": self.average_energy,
            "host_operators": list(self.host_operators),
            "differing_outputs": self.differing_outputs,
        }
        known = {key: value for key, value in machine.items() if value is not None}
        return {
            "npusim_version": npusim.__version__,
            "json_version": 1,
            "model": self.network.name,
            "engine": self.engine,
            "requant": self.requant,
            "samples": self.samples,
            "seconds": self.seconds,
            "macs": self.macs,
            **(known if self.machine else {}),
            **self._area_json(),
            "layers": [layer.as_json() for layer in self.layers],
        }

    def _area_json(self) -> dict[str, Any]:
        from npusim.cost.area import area_json

        return (
            {} if self.program is None or self.energy is None else area_json(self.program.machine)
        )

    def _repr_html_(self) -> str:
        from npusim.report.notebook import layers_html, machine_html

        if self.program is not None:
            return machine_html(self.program, self.timelines, self.as_json())
        return layers_html(f"{self.network.name}: {self.samples} samples", self.layers)


def run(
    network: Network,
    x: NDArray,
    *,
    engine: Engine = "kernels",
    machine: str | Machine = "base",
    requant: str = "auto",
    batch: int | None = None,
    threads: int | None = None,
    keep_tensors: bool = False,
    energy: EnergyModel = "average",
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Execute `network` bit-exactly on `x`.

    Parameters
    ----------
    network
        An integer network, see `npusim.load`.
    x : array
        One sample or a batch with a leading axis, in the file's layout. Integers go in as they are;
        floats are quantized with the input's scale by the file's own runtime's rule.
    engine
        `kernels`: layer by layer, fast. `machine`: the compiled program on the simulated NPU, one
        sample after the other, with cycles. `rtl`: the same program on the Verilog of the NPU,
        compiled by Verilator (minutes where it is new); bytes and cycles are what it did.
    machine
        For engines `machine` and `rtl`: a Machine, a name, or a TOML file.
    requant
        A rounding rule, or `auto` for that of the file's own runtime.
    batch
        Most samples that a layer takes at once; as many as suit the cache when None.
    threads
        Processor cores to use; all when None.
    energy
        For engine `machine`: `average` prices of products, or `toggles`, what the operands of these
        samples do in the array, on the mean of them (slower: each bit that changes is counted).
    progress
        Called with (layers done, layers in all) while the run goes on.

    Raises
    ------
    UnsupportedError
        The network is float (quantize it first), the rule does not apply to it, or `toggles` are
        asked of another engine than `machine`.
    ShapeError, RangeError
        `x` does not fit the network's input.
    CosimulationError
        Engine `rtl`: Verilator is missing, or the RTL cannot be run.
    """
    from npusim.kernels.engine import prepare

    rule = resolve_rule(network, requant)
    if energy == "toggles" and engine != "machine":
        raise UnsupportedError(f"energy toggles: expected engine machine, found {engine}")
    if engine != "kernels":
        target = machine if isinstance(machine, Machine) else Machine.load(machine)
        execute = _execute(engine, energy)
        return _run_on_machine(network, x, engine, target, rule, keep_tensors, execute, progress)
    prepared = prepare(network, rule)
    _load_kernels(network, rule, prepared)
    nanoseconds = np.zeros(len(network.nodes), np.int64)
    start_ns = perf_counter_ns()
    tensors = prepared.run(
        x,
        threads=threads or os.cpu_count() or 1,
        batch=batch,
        keep=[*network.tensors] if keep_tensors else network.outputs,
        nanoseconds=nanoseconds,
        progress=progress,
    )
    seconds = (perf_counter_ns() - start_ns) / 1e9
    declared = network.tensors[network.outputs[0]].shape[0]
    return Result(
        network=network,
        engine=engine,
        requant=rule,
        outputs={name: tensors[name] for name in network.outputs},
        tensors=tensors,
        layers=tuple(
            _layer_report(network, node, rule, int(time_ns) / 1e9)
            for node, time_ns in zip(network.nodes, nanoseconds, strict=True)
        ),
        samples=len(tensors[network.outputs[0]]) // max(declared, 1),
        seconds=seconds,
    )


def _load_kernels(network: Network, rule: Rule, prepared: Prepared) -> None:
    """Run a sample of zeros, the first time: what loads the kernels is no layer's time."""
    if rule in _loaded.setdefault(network, set()):
        return
    zeros = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        zeros[name] = tensor.in_file_order(np.zeros(tensor.shape, tensor.dtype))
    prepared.run(zeros)
    _loaded[network].add(rule)


def _run_on_machine(
    network: Network,
    x: NDArray,
    engine: Engine,
    machine: Machine,
    rule: Rule,
    keep_tensors: bool,
    execute: Execute,
    progress: Callable[[int, int], None] | None,
) -> Result:
    from npusim.analysis.layer_cycles import layer_cycles, total_energy_pj
    from npusim.engines.machine import MachineNetwork
    from npusim.engines.toggles import CountingRun, with_toggles
    from npusim.kernels.engine import prepare

    compiled = MachineNetwork(network, machine, rule, keep_tensors, execute)
    program = compiled.program
    start_ns = perf_counter_ns()
    names = network.outputs
    if keep_tensors:
        names = tuple(dict.fromkeys((*(place.name for place in program.places), *names)))
    tensors, runs = compiled.run(x, names, progress)
    seconds = (perf_counter_ns() - start_ns) / 1e9
    differing = None
    if program.requant != rule:
        expected = prepare(network, rule).run(x)
        differing = sum(
            int(np.count_nonzero(tensors[name] != expected[name])) for name in network.outputs
        )
    average = layer_cycles(program, runs[0].timelines)
    found = average
    if isinstance(execute, CountingRun):
        found = with_toggles(average, program, runs[0].timelines, execute, len(runs))
    rows = {row.name: row for row in found}
    layers = []
    for node in network.nodes:
        report = _layer_report(network, node, program.requant, None)  # type: ignore[arg-type]
        row = rows.get(node.name)
        if row is not None:
            report = replace(
                report, cycles=row.cycles,
                busy_cycles=row.busy_cycles, stall_cycles=row.stall_cycles,
                utilization=row.utilization, dram_bytes=row.dram_bytes, energy_pj=row.energy_pj,
            )  # fmt: skip
        layers.append(report)
    return Result(
        network=network,
        engine=engine,
        requant=program.requant,  # type: ignore[arg-type]  # a program names a rule
        outputs={name: tensors[name] for name in network.outputs},
        tensors=tensors,
        layers=tuple(layers),
        samples=len(runs),
        seconds=seconds,
        machine=machine.name,
        cycles=sum(timeline.cycles for timeline in runs[0].timelines),
        dram_bytes=sum(row.dram_bytes for row in rows.values()),
        energy=total_energy_pj(found),
        average_energy=None if found is average else total_energy_pj(average),
        host_operators=tuple(step.node for step in program.steps if step.kind == "host"),
        differing_outputs=differing,
        program=program,
        timelines=runs[0].timelines,
    )


def _execute(engine: Engine, energy: EnergyModel) -> Execute:
    """Return what carries out a run of a program on `machine` or `rtl`."""
    if energy == "toggles":
        from npusim.engines.toggles import CountingRun

        return CountingRun()
    if engine == "machine":
        from npusim.engines.simulation import Simulation

        return Simulation()
    from npusim.cosim import toolchain
    from npusim.cosim.npu.measure import measure_step

    toolchain.require("verilator")
    return measure_step


def _layer_report(network: Network, node: Node, rule: Rule, seconds: float | None) -> LayerReport:
    output = network.output_of(node)
    return LayerReport(
        name=node.name,
        operator=node.kind,
        output=output.name,
        output_shape=output.shape,
        macs=layer_macs(network, node),
        weight_bytes=layer_weight_bytes(network, node),
        scheme=layer_scheme(network, node),
        rounding=layer_rounding(network, node, rule),
        seconds=seconds,
    )
