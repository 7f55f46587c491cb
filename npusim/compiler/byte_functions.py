"""What an operator makes of one or two bytes: its host's own step, asked for all of them.

An operator of one place is a function of bytes, whatever the runtime's arithmetic is. Asked for
every byte it is a table; asked for every pair it is what instructions of the vector unit are proved
against.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.steps import host_step
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.words import Rule

BYTES = 256


def computed_inputs(network: Network, node: Node) -> list[str]:
    """Return the inputs of `node` that are not constant, each once."""
    return [name for name in dict.fromkeys(node.inputs) if not network.tensors[name].is_constant]


def is_of_one_byte(network: Network, node: Node) -> bool:
    """Return whether a node of one place depends on one byte: its other inputs are bare numbers."""
    constants = [x for x in network.inputs_of(node) if x.is_constant]
    return len(computed_inputs(network, node)) == 1 and all(prod(x.shape) == 1 for x in constants)


def depends_on_place(network: Network, node: Node, constants: object) -> bool:
    """Return whether some elements take other constants: what a runtime's vectors leave over."""
    if not isinstance(constants, VectorAndRest):
        return False
    run = constants.run or prod(network.output_of(node).shape[1:])
    return run % constants.lanes != 0


def of_one_byte(network: Network, node: Node, rule: Rule) -> NDArray[np.integer]:
    """Return the output for each value of the one computed input [256], ascending."""
    (name,) = computed_inputs(network, node)
    return _asked(network, node, rule, {name: values_of(network.tensors[name])})


def of_two_bytes(network: Network, node: Node, rule: Rule) -> NDArray[np.int64]:
    """Return the output for each pair of values of two inputs [256 256], ascending."""
    first, second = (values_of(network.tensors[name]) for name in node.inputs)
    asked = dict(zip(node.inputs, (np.repeat(first, BYTES), np.tile(second, BYTES)), strict=True))
    return _asked(network, node, rule, asked).reshape(BYTES, BYTES).astype(np.int64)


def values_of(tensor: Tensor) -> NDArray[np.integer]:
    """Return the values of an 8-bit tensor's type, ascending."""
    limits = np.iinfo(tensor.dtype)
    return np.arange(limits.min, limits.max + 1).astype(tensor.dtype)


def _asked(
    network: Network, node: Node, rule: Rule, values: dict[str, NDArray[np.integer]]
) -> NDArray[np.integer]:
    """Return the outputs for `values` of some inputs: the node on tensors of that many elements."""
    (count,) = {len(array) for array in values.values()}
    y = network.output_of(node)
    shape = (*(1,) * (max(len(y.shape), 2) - 1), count)
    arrays = {name: array.reshape(shape) for name, array in values.items()}
    tensors = {name: network.tensors[name] for name in node.inputs}
    for name in (*arrays, y.name):
        tensors[name] = replace(network.tensors[name], shape=shape, data=None, file_order=None)
    alone = Network(
        network.name, network.source, (node,), tensors, tuple(arrays), node.outputs, network.notes
    )
    inputs = [
        arrays[name] if name in arrays else network.tensors[name].data for name in node.inputs
    ]
    found: NDArray[np.integer] = np.asarray(host_step(alone, node, rule)(1, *inputs)).reshape(-1)
    return found
