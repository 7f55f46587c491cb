"""A node -> the function that computes it, found on its operator's page."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Group, Network, Node
from npusim.graph.refusals import Refusal, Refusals, refused
from npusim.graph.tensor import is_quantized
from npusim.operators.conv2d import Conv2D
from npusim.operators.forms.own_float import is_island
from npusim.operators.fully_connected import FullyConnected
from npusim.operators.kinds.any_type import one_or_all
from npusim.operators.kinds.called import Caller, Run
from npusim.operators.kinds.hybrid import require_floats
from npusim.operators.kinds.runtime_group import (
    LiftedStep,
    float_group_step,
    in_float,
    in_uint8,
)
from npusim.operators.page import Absent, Step
from npusim.operators.pages import PAGE_OF, constants_of
from npusim.operators.varying import Varying
from npusim.runtimes.rule import resolve_rule
from npusim.words import Rule


def steps_of(network: Network, rule: Rule) -> tuple[Step, ...]:
    """Return the functions that compute the nodes under `rule`, in order.

    Raises
    ------
    RefusedError, RangeError
        What its pages do not compute under the rule, all of it.
    """
    refusals = refusals_of(network, rule)
    if refusals:
        raise refused(network.name, refusals)
    found: tuple[Step, ...] = network.steps[rule]
    return found


def refusals_of(network: Network, rule: Rule) -> tuple[Refusal, ...]:
    """Return what cannot be computed under `rule`."""
    if rule in network.steps:
        return ()
    refusals, steps = Refusals(), []
    for node in network.nodes:
        with refusals.collect(node.name, node.kind):
            steps.append(step(network, node, rule))
    if not refusals:
        network.steps[rule] = tuple(steps)
    return tuple(refusals)


def step(network: Network, node: Node, rule: Rule) -> Step:
    """Return the function (threads, x, ...) -> y, or a tuple of outputs, that computes `node`.

    Raises
    ------
    UnsupportedError, RangeError
        The operator, its types or its scales are beyond what its page computes under `rule`.
    """
    if isinstance(node.operator, Varying):
        return varying_step(node.operator, rule)
    if isinstance(node.operator, Caller):
        return called_step(node.operator, rule)
    as_group = group_in_float if is_island(network, node) else GROUP_STEPS.get((rule, node.group))
    if as_group is not None:
        return as_group(network, node)
    page = PAGE_OF[type(node.operator)]
    inputs = network.inputs_of(node)
    tensors = [*inputs, *network.outputs_of(node)]
    if inputs and inputs[0].is_float and all(x.is_float for x in network.outputs_of(node)):
        require_floats(network, node)
        return float_step(network, node, rule)
    if any(is_quantized(tensor) for tensor in tensors):
        if isinstance(page.quantized, Absent):
            raise page.quantized.raise_for(node)
        return page.quantized(network, node, constants_of(network, node, rule))
    if any(tensor.is_float for tensor in tensors):
        return float_step(network, node, rule)
    if isinstance(page.plain, Absent):
        raise page.plain.raise_for(node)
    return page.plain(network, node)


def called_step(operator: Caller, rule: Rule) -> Step:
    """Return the step of an operator that runs networks of its own."""
    runs = tuple(_run_of(network, rule) for network in operator.called)

    def run(threads: int, *values: NDArray) -> NDArray | tuple[NDArray, ...]:
        return one_or_all(operator.outcome(runs, threads, values))

    return run


MOST_KINDS_KEPT = 64
"""Networks for different sizes that one varying operator keeps."""


def varying_step(operator: Varying, rule: Rule) -> Step:
    """Return the step of an operator that is read again for the sizes of each run."""
    _run_of(operator.largest, rule)  # what is not computed under the rule is refused now
    runs: dict[Hashable, Run] = {}

    def run(threads: int, *values: NDArray) -> NDArray | tuple[NDArray, ...]:
        kind = operator.kind_of_run(values)
        if kind not in runs:
            if len(runs) >= MOST_KINDS_KEPT:
                runs.clear()
            runs[kind] = _run_of(operator.piece.network(values), rule)
        try:
            return one_or_all(operator.outcome((runs[kind],), threads, values))
        except (ValueError, IndexError) as error:
            shapes = ", ".join(str(list(value.shape)) for value in values)
            raise RangeError(f"{operator.largest.name}: inputs of {shapes}: {error}") from None

    return run


def _run_of(network: Network, rule: Rule) -> Run:
    """Return what runs a network that is called, whole, at its declared shapes.

    Values come and go as the file lays them out.
    """
    steps = [
        nothing(network, node) if all(0 in x.shape for x in network.outputs_of(node)) else function
        for node, function in zip(network.nodes, steps_of(network, rule), strict=True)
    ]
    held = {name: tensor.data for name, tensor in network.tensors.items() if tensor.is_constant}

    def run(threads: int, given: Sequence[NDArray]) -> tuple[NDArray, ...]:
        values: dict[str, Any] = dict(held)
        for name, value in zip(network.inputs, given, strict=True):
            values[name] = np.asarray(network.tensors[name].from_file_order(value), order="C")
        for node, function in zip(network.nodes, steps, strict=True):
            found = function(threads, *[values[name] for name in value_inputs(node)])
            outputs = (found,) if len(node.outputs) == 1 else found
            for name, output in zip(node.outputs, outputs, strict=True):
                values[name] = np.asarray(output)
        return tuple(network.tensors[name].in_file_order(values[name]) for name in network.outputs)

    return run


def nothing(network: Network, node: Node) -> Step:
    """Return the step of a node whose outputs have no elements."""
    outputs = tuple(np.empty(x.shape, x.dtype) for x in network.outputs_of(node))
    return lambda threads, *x: one_or_all(outputs)


def value_inputs(node: Node) -> tuple[str, ...]:
    """Return the inputs that a step reads when it runs; weights and biases are bound before."""
    if isinstance(node.operator, Conv2D | FullyConnected):
        return node.inputs[:1]
    return node.inputs


def float_step(network: Network, node: Node, rule: Rule) -> Step:
    """Return the function that computes a node on float32 values."""
    page = PAGE_OF[type(node.operator)]
    if isinstance(page.float32, Absent):
        raise page.float32.raise_for(node)
    return page.float32(network, node, rule)


def group_in_float(network: Network, node: Node) -> Step:
    """Return the step on integers of a group that onnxruntime computes in float32.

    The operator runs on the real values of its inputs, and the outcome is quantized: so a group
    that the runtime does not join gives the runtime's bytes all the same.
    """
    alone = in_float(network, node)
    return float_group_step(network, node, float_step(alone, alone.nodes[0], "onnxruntime"))


def group_in_uint8(network: Network, node: Node) -> Step:
    """Return the step on int8 of a group that onnxruntime joins after it moved it to uint8."""
    alone = in_uint8(network, node)
    return LiftedStep(step(alone, alone.nodes[0], "onnxruntime"))


GROUP_STEPS: dict[tuple[Rule, Group], Callable[[Network, Node], Step]] = {
    ("onnxruntime", "float"): group_in_float,
    ("onnxruntime", "joined_as_uint8"): group_in_uint8,
    ("onnx", "float"): group_in_float,
    ("onnx", "joined"): group_in_float,
    ("onnx", "joined_as_uint8"): group_in_float,
}
"""Groups that a runtime computes otherwise than the operator on the integers that they hold."""


def host_step(network: Network, node: Node, rule: Rule) -> Step:
    """Return what the host computes: under the program's rule, else the file's own runtime's."""
    try:
        return step(network, node, rule)
    except UnsupportedError:
        return step(network, node, resolve_rule(network))
