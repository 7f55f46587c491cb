"""Channel shuffles: Reshape, Transpose, Reshape that together permute channels alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.compiler.graph.graph_storage import is_byte
from npusim.graph.network import Network, Node


@dataclass(frozen=True, eq=False)
class Shuffle:
    """Output channel c of each pixel is channel `channels[c]` of tensor `source`."""

    source: str
    channels: NDArray[np.int64]


def channel_shuffles(network: Network) -> tuple[dict[str, Shuffle], set[str]]:
    """Return the shuffles by the tensor that each gives, and the tensors inside them."""
    shuffles: dict[str, Shuffle] = {}
    inside: set[str] = set()
    for node in network.nodes:
        if not isinstance(node.operator, op.Transpose):
            continue
        before = network.producer.get(node.inputs[0])
        after = network.consumers[node.outputs[0]]
        hidden = {node.inputs[0], node.outputs[0]}
        if before is None or len(after) != 1 or len(network.consumers[node.inputs[0]]) != 1:
            continue
        ends = (before.operator, after[0].operator)
        if not all(isinstance(o, op.Reshape) for o in ends) or hidden & set(network.outputs):
            continue
        channels = _permutation(network, before, node, after[0])
        if channels is not None:
            shuffles[after[0].outputs[0]] = Shuffle(before.inputs[0], channels)
            inside |= hidden
    return shuffles, inside


def _permutation(
    network: Network, before: Node, middle: Node, after: Node
) -> NDArray[np.int64] | None:
    """Return the channel that each output channel takes; None where more than channels move."""
    source, target = network.tensors[before.inputs[0]], network.output_of(after)
    assert isinstance(middle.operator, op.Transpose)
    if source.shape != target.shape or len(source.shape) < 2 or not is_byte(source):
        return None
    numbers = np.arange(np.prod(source.shape)).reshape(network.output_of(before).shape)
    moved = numbers.transpose(middle.operator.order).reshape(-1, target.shape[-1])
    channels = moved[0]
    pixels = np.arange(len(moved))[:, None] * target.shape[-1]
    return channels if np.array_equal(moved, pixels + channels) else None
