"""One execution of a compiled network as a walk over calls, its arrays bound once.

Where programs are small, Python between tensors and runs costs more than the runs. Tensors are laid
into the DRAM, the machine runs, the host reads, computes and writes, and the kept tensors are read:
each is a call, or a function of arrays that stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from npusim.engines.tensor_places import TensorPlaces
from npusim.graph.network import Network
from npusim.isa.program import Program, Step
from npusim.kernels.entry import Call
from npusim.operators.page import Step as Function
from npusim.operators.steps import value_inputs
from npusim.prepared.workspace import Workspace


class _Bound:
    """A layer of a workspace, of no arrays, that is a call already."""

    def __init__(self, call: Call) -> None:
        self.bind = lambda: call


def bind_execution(
    program: Program,
    network: Network,
    places: Callable[[str], TensorPlaces],
    calls: Mapping[Step, Call],
    functions: Mapping[str, Function],
    keep: Sequence[str],
) -> Workspace:
    """Return the execution that leaves the tensors `keep`, canonical; inputs are as in the file.

    Parameters
    ----------
    network
        Of as many samples as the program computes, without state and without sizes known at run.
    places
        Where a tensor lies in the DRAM, by its name.
    calls
        The runs of the program on that DRAM.
    functions
        What the host computes, by the name of the node.
    """
    nodes = {node.name: node for node in network.nodes}
    values: list[NDArray] = []
    slots: dict[str, int] = {}

    def slot(name: str) -> int:
        if name not in slots:
            data = network.tensors[name].data
            slots[name] = len(values)
            values.append(places(name).values if data is None else data)
        return slots[name]

    layers: list[tuple[Any, tuple[int, ...], tuple[int, ...]]] = []

    def move(call: Call) -> None:
        layers.append((_Bound(call), (), ()))

    def read(name: str) -> int:
        if network.tensors[name].data is None:
            move(places(name).reading())
        return slot(name)

    for name in network.inputs:
        slot(name)
        move(places(name).laying_out())
    for step in program.steps:
        if step.kind == "run":
            move(calls[step])
        elif step.kind == "host":
            node = nodes[step.node]
            sources = tuple(read(name) for name in value_inputs(node))
            layers.append((functions[step.node], sources, tuple(map(slot, node.outputs))))
            for name in node.outputs:
                move(places(name).laying_out())
    kept = {name: values[read(name)] for name in keep}
    inputs = {
        name: network.tensors[name].in_file_order(values[slot(name)]) for name in network.inputs
    }
    return Workspace(values, layers, inputs, kept)
