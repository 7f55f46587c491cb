"""A compiled network against the kernels engine: every tensor that reaches DRAM, every byte."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.engines.machine_network import MachineNetwork
from npusim.graph.network import Network
from npusim.isa.check import check
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.prepared.engine import prepare
from npusim.words import Rule


def random_inputs(network: Network, seed: int, samples: int = 1) -> dict[str, NDArray]:
    """Return inputs in the file's layout, over the whole range of their types."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for name in network.inputs:
        tensor = network.tensors[name]
        shape = (samples * tensor.shape[0], *tensor.shape[1:])
        if tensor.is_float:
            values = rng.normal(size=shape).astype(np.float32)
        else:
            limits = np.iinfo(tensor.dtype)
            values = rng.integers(limits.min, limits.max + 1, shape).astype(tensor.dtype)
        inputs[name] = tensor.in_file_order(values)
    return inputs


def kept(program: Program) -> set[str]:
    """Return tensors between layers that have no place in DRAM."""
    written = {layer.output for layer in program.layers}
    return written - {place.name for place in program.places}


def prove_program(program: Program) -> None:
    """Prove every run of a program with the static checker."""
    sizes = [region.size_bytes for region in program.regions]
    for run in program.runs():
        span = slice(run.first, run.first + run.count)
        check(program.instructions[span], program.machine, sizes)


def assert_agrees(
    network: Network, machine: Machine, rule: Rule | str = "auto", seed: int = 0
) -> MachineNetwork:
    """Compile, prove and run `network`; compare with the kernels engine under the same rule.

    With every tensor in DRAM, and with what stays on chip where something does.
    """
    compiled = MachineNetwork(network, machine, rule, keep_tensors=True)
    prove_program(compiled.program)
    x = random_inputs(network, seed)
    names = [place.name for place in compiled.program.places]
    found, _ = compiled.run(x, names)
    expected = prepare(network, compiled.program.requant).run(x, keep=names)
    for name in names:
        different = np.count_nonzero(found[name] != expected[name])
        assert not different, f"{name}: {different} of {expected[name].size} bytes differ"
    on_chip = MachineNetwork(network, machine, rule)
    if on_chip.program == compiled.program:
        return compiled
    prove_program(on_chip.program)
    found, _ = on_chip.run(x, network.outputs)
    for name in network.outputs:
        assert np.array_equal(found[name], expected[name]), f"{name} of kept tensors"
    return compiled
