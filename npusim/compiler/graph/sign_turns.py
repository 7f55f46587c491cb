"""A Quantize that only turns the sign of bytes: the array reads uint8 as well as int8.

Converters put uint8 before an int8 network with the same scale and a zero point greater by 128.
x - z is then the same number on both sides, so the layers behind it read the bytes as they came,
under every rule whose Quantize is that shift; the tensor between is neither stored nor computed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from npusim import operators as op
from npusim.compiler.byte_functions import depends_on_place, is_of_one_byte, of_one_byte, values_of
from npusim.graph.network import Network, Node
from npusim.operators.pages import constants_of
from npusim.words import Rule

SIGN = 128


def without_sign_turns(network: Network, rule: Rule) -> Network:
    """Return `network` whose layers read what such a Quantize reads; itself where there is none."""
    turned = {
        node.outputs[0]: node.inputs[0]
        for node in network.nodes
        if _turns_sign(network, node, rule)
    }
    if not turned:
        return network
    nodes = [
        replace(node, inputs=tuple(turned.get(name, name) for name in node.inputs))
        for node in network.nodes
        if node.outputs[0] not in turned
    ]
    return replace(network, nodes=tuple(nodes))


def _turns_sign(network: Network, node: Node, rule: Rule) -> bool:
    if not isinstance(node.operator, op.Quantize) or not is_of_one_byte(network, node):
        return False
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if x.dtype != np.uint8 or y.dtype != np.int8 or y.name in network.outputs:
        return False
    a, b = x.quantization, y.quantization
    if a is None or b is None or a.scale.size != 1 or b.scale.size != 1 or a.scale != b.scale:
        return False
    if a.zero_point != b.zero_point + SIGN or not _array_reads(network, y.name):
        return False
    if depends_on_place(network, node, constants_of(network, node, rule)):
        return False
    shifted = values_of(x).astype(np.int64) - SIGN
    return np.array_equal(of_one_byte(network, node, rule).ravel(), shifted)


def _array_reads(network: Network, name: str) -> bool:
    """Return whether layers alone read a tensor, as what they multiply by constant weights."""
    return all(
        isinstance(node.operator, op.Conv2D | op.FullyConnected)
        and node.inputs[0] == name
        and all(network.tensors[other].is_constant for other in node.inputs[1:])
        for node in network.consumers[name]
    )
