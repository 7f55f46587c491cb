"""A walk through a network: which step runs when, where values lie, and when they are let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.operators.page import Step
from npusim.operators.steps import value_inputs
from npusim.prepared.folded_pads import fold_pads


@dataclass(frozen=True)
class Layer:
    """One step in place: its function, the slots it reads and writes, and those it lets go.

    A node whose work another does (folded_pads.py) reads and writes nothing.
    """

    function: Step
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    dead: tuple[int, ...]

    def run(self, threads: int, values: list[Any]) -> None:
        """Compute the targets' values from the sources'."""
        y = self.function(threads, *[values[source] for source in self.sources])
        if len(self.targets) == 1:
            values[self.targets[0]] = y
            return
        for target, output in zip(self.targets, y, strict=True):
            values[target] = output


@dataclass(frozen=True)
class Plan:
    """The layers with the places of their values, for one choice of kept tensors.

    The inputs take the first slots, in order; `contents` are the slots before a run, and `kept`
    where the kept tensors lie. `state` says where each kept value of the network lies while a
    sample is computed, and where its update.
    """

    layers: tuple[Layer, ...]
    contents: tuple[NDArray | None, ...]
    kept: tuple[int, ...]
    state: tuple[tuple[int, int], ...]


def plan_of(network: Network, functions: Sequence[Step], names: tuple[str, ...]) -> Plan:
    """Give every value a slot, and let it go after its last reader unless it is kept.

    Raises
    ------
    ShapeError
        One of `names`, the tensors to keep, has no value.
    """
    updates = {state.update for state in network.state}
    for name in names:
        if not _has_value(network, name):
            raise ShapeError(f"{network.name}: there is no tensor {name} to keep")
    steps = _steps(network, functions, names)
    slots: dict[str, int] = {}
    for name in (
        *network.inputs,
        *(state.value for state in network.state),
        *updates,
        *(name for step in steps for name in (*step.reads, *step.writes)),
        *names,
    ):
        slots.setdefault(name, len(slots))
    data = [network.tensors[name].data for name in slots]
    last_reader = {name: i for i, step in enumerate(steps) for name in step.reads}
    layers = tuple(
        Layer(
            step.function,
            tuple(slots[name] for name in step.reads),
            tuple(slots[name] for name in step.writes),
            tuple(
                slots[name]
                for name in dict.fromkeys((*step.reads, *step.writes))
                if last_reader.get(name, i) == i and name not in names and name not in updates
            ),
        )
        for i, step in enumerate(steps)
    )
    return Plan(
        layers,
        tuple(None if array is None else array.copy() for array in data),
        tuple(slots[name] for name in names),
        tuple((slots[state.value], slots[state.update]) for state in network.state),
    )


class _Step(NamedTuple):
    """A node's function, and the values that it reads and writes."""

    function: Step
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def _steps(network: Network, functions: Sequence[Step], names: tuple[str, ...]) -> list[_Step]:
    """Return what each node does; nothing where the node that reads it does its work."""
    folded = fold_pads(network, functions, names)
    idle = {name for i in folded for name in value_inputs(network.nodes[i])}
    steps = []
    for i, (node, function) in enumerate(zip(network.nodes, functions, strict=True)):
        if i in folded:
            x, padded = folded[i]
            steps.append(_Step(padded, (x,), node.outputs))
        elif not idle.isdisjoint(node.outputs):
            steps.append(_Step(_nothing, (), ()))
        else:
            makes = _returns_arrays(function) if _makes_scalars(network, node) else function
            steps.append(_Step(makes, value_inputs(node), node.outputs))
    return steps


def _nothing(threads: int) -> tuple[NDArray, ...]:
    return ()


def _has_value(network: Network, name: str) -> bool:
    if name in network.inputs or name in network.producer:
        return True
    if any(state.value == name for state in network.state):
        return True
    return name in network.tensors and network.tensors[name].is_constant


def _makes_scalars(network: Network, node: Node) -> bool:
    return any(not tensor.shape for tensor in network.outputs_of(node))


def _returns_arrays(function: Step) -> Step:
    """Return `function` with arrays of rank 0 where numpy gives its scalars."""

    def step(threads: int, *x: NDArray) -> NDArray | tuple[NDArray, ...]:
        y = function(threads, *x)
        return tuple(np.asarray(z) for z in y) if isinstance(y, tuple) else np.asarray(y)

    return step
