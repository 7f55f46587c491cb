"""A compiled network on the simulated machine and on the RTL, run by run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npusim.cosim.npu.compare import Comparison, compare_step, predicted_outcome
from npusim.engines.machine_network import MachineNetwork, write_tensor
from npusim.graph.network import Network
from npusim.isa.program import Step
from npusim.machines.memories import Memory
from npusim.simulator.run import step_code


def random_inputs(network: Network, seed: int) -> dict[str, NDArray]:
    """Return one sample of each input in the file's layout, over the whole range of its type."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        if tensor.is_float:
            values = rng.normal(size=tensor.shape).astype(np.float32)
        else:
            limits = np.iinfo(tensor.dtype)
            values = rng.integers(limits.min, limits.max + 1, tensor.shape).astype(tensor.dtype)
        inputs[name] = tensor.in_file_order(values)
    return inputs


def compare_network(
    compiled: MachineNetwork,
    inputs: Mapping[str, NDArray],
    *,
    memory: Memory | None = None,
    simulator: str = "verilator",
    waves: Path | None = None,
) -> list[Comparison]:
    """Execute what comes first of `inputs` on both sides; return each run, up to one that differs.

    Host operators between two runs are computed once, from what the simulator leaves in
    `compiled.dram`.

    Parameters
    ----------
    memory
        In place of the machine's.
    waves
        File for the waveform of the RTL; NAME-2.vcd, ... for the runs behind the first.

    Raises
    ------
    CosimulationError
        The RTL could not be run.
    """
    program = compiled.program
    machine = program.machine if memory is None else program.machine.with_({"memory": memory})
    found: list[Comparison] = []
    stem = "" if waves is None else waves.stem
    for step in _runs_on(compiled, inputs):
        if waves is not None and found:
            waves = waves.with_stem(f"{stem}-{len(found) + 1}")
        found.append(
            compare_step(program, step, compiled.dram, machine, simulator=simulator, waves=waves)
        )
        if found[-1].difference:
            break
    return found


def network_outcomes(compiled: MachineNetwork, inputs: Mapping[str, NDArray]) -> list[str]:
    """Return the `outcome` of each run of `compare_network`, by the simulator alone."""
    program = compiled.program
    addresses, code_address = program.region_addresses(), program.code_address()
    return [
        predicted_outcome(
            step_code(program, step), program.machine, compiled.dram, addresses, code_address
        )
        for step in _runs_on(compiled, inputs)
    ]


def _runs_on(compiled: MachineNetwork, inputs: Mapping[str, NDArray]) -> Iterator[Step]:
    """Yield each run of the first execution of `inputs`; host operators are done between them."""
    program = compiled.program
    for name, value in compiled.first_values(inputs).items():
        write_tensor(program, compiled.dram, name, value)
    for step in program.steps:
        if step.kind == "host":
            compiled.host_step(step)
        elif step.kind == "run":
            yield step
