"""Cross-layer equalization: ranges of weights evened out between a layer and the next.

Where channel i of a layer is read by one other layer alone, and a positive factor passes through
what lies between, W1[i] / s and b1[i] / s beside W2[:, i] * s are the same function. With
s = sqrt(r1 / r2), r the greatest magnitudes, both have the range sqrt(r1 r2) there. A clamp from
above, such as ReLU6's, lets no factor pass: such pairs stay.

Source: Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction"
(2019), section 4.1, which puts a ReLU in place of ReLU6; here no real value changes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.quant.float_network import constant

ROUNDS = 4
"""Chains of layers settle in few: each evens out its neighbours' ranges."""
LINEAR = (op.Conv2D, op.FullyConnected)
POOLS = (op.MaxPool, op.AveragePool)


def equalized(network: Network) -> Network:
    """Return the folded float `network` with the ranges of pairs of layers evened out."""
    values = {
        name: constant(network.tensors[name])
        for node in network.nodes
        if isinstance(node.operator, LINEAR)
        for name in node.inputs[1:]
    }
    pairs = [pair for node in network.nodes if (pair := _pair(network, node)) is not None]
    for _ in range(ROUNDS):
        for first, second in pairs:
            _even_out(values, first, second)
    tensors = dict(network.tensors)
    for name in {name for pair in pairs for node in pair for name in node.inputs[1:]}:
        data = values[name].astype(np.float32)
        tensors[name] = Tensor(name, data.shape, data.dtype, data=data)
    note = f"the weights of {len(pairs)} pairs of layers were equalized"
    return replace(network, tensors=tensors, notes=(*network.notes, note))


def _pair(network: Network, first: Node) -> tuple[Node, Node] | None:
    """Return a layer and the one that alone reads its channels, None where there is none."""
    operator: Any = first.operator
    if not isinstance(operator, LINEAR) or not _lets_factors_pass(operator.activation):
        return None
    name = first.outputs[0]
    channels = network.tensors[name].shape[-1]
    while True:
        readers = network.consumers[name]
        if len(readers) != 1 or name in network.outputs:
            return None
        (reader,) = readers
        if isinstance(reader.operator, LINEAR):
            alone = all(_read_once(network, node) for node in (first, reader))
            return (first, reader) if alone and _columns(network, reader) == channels else None
        if not _keeps_channels(network, reader, channels):
            return None
        name = reader.outputs[0]


def _lets_factors_pass(clamp: op.Clamp | None) -> bool:
    return clamp is None or (clamp.low in (None, 0) and clamp.high is None)


def _read_once(network: Network, node: Node) -> bool:
    """Return whether no other layer has the weights, or the bias."""
    return all(len(network.consumers[name]) == 1 for name in node.inputs[1:])


def _keeps_channels(network: Network, node: Node, channels: int) -> bool:
    """Return whether every value of an output channel is a mean or greatest of that channel's."""
    operator: Any = node.operator
    if network.output_of(node).shape[-1] != channels:
        return False
    if isinstance(operator, POOLS):
        return _lets_factors_pass(operator.activation)
    if isinstance(operator, op.Mean):
        return len(network.inputs_of(node)[0].shape) - 1 not in operator.axes
    return isinstance(operator, op.Reshape) or (
        isinstance(operator, op.Pad) and not operator.before[-1] and not operator.after[-1]
    )


def _columns(network: Network, node: Node) -> int:
    """Return how many input channels the weights of a layer stand before."""
    shape = network.inputs_of(node)[1].shape
    groups = node.operator.groups if isinstance(node.operator, op.Conv2D) else 1
    return shape[-1] * groups


def _even_out(values: dict[str, NDArray[np.float64]], first: Node, second: Node) -> None:
    weights, after = values[first.inputs[1]], values[second.inputs[1]]
    groups = second.operator.groups if isinstance(second.operator, op.Conv2D) else 1
    columns = after.reshape(groups, len(after) // groups, -1, after.shape[-1])
    reach = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    taken = np.abs(columns).max(axis=(1, 2)).ravel()
    live = (reach > 0) & (taken > 0)
    factor = np.sqrt(np.where(live, reach, 1.0) / np.where(live, taken, 1.0))
    values[first.inputs[1]] = weights / factor.reshape(-1, *[1] * (weights.ndim - 1))
    if len(first.inputs) > 2:
        bias = values[first.inputs[2]]
        values[first.inputs[2]] = (bias.ravel() / factor).reshape(bias.shape)
    scaled = columns * factor.reshape(groups, 1, 1, -1)
    values[second.inputs[1]] = scaled.reshape(after.shape)
