"""Whether every operator treats the samples of a batch separately."""

from __future__ import annotations

from math import prod

from npusim.graph.network import Network, Node

ALIGNED_VALUES = 4
"""Values of float32 that Eigen adds at once, from an address that is a multiple of them."""


def keeps_samples_apart(network: Network) -> bool:
    """Return whether the leading axis of every computed tensor is the batch, never mixed.

    Such a network runs any number of samples at once. Any other is run as its file states it, one
    declared batch after the other; so is a network with state, whose samples follow each other.
    """
    if network.state:
        return False
    extents = {network.tensors[name].shape[:1] for name in network.inputs}
    if len(extents) != 1 or extents == {()}:
        return False
    (extent,) = extents.pop()
    return all(_keeps_apart(network, node, extent) for node in network.nodes)


def smallest_block(network: Network) -> int:
    """Return how many samples belong together where samples are kept apart: for most networks one.

    A mean in float32 adds from the first aligned element on, so its last bits depend on a sample's
    place in the declared batch, which is then run whole.
    """
    for node in network.nodes:
        if node.kind == "Mean" and network.output_of(node).is_float:
            (x, *_) = network.inputs_of(node)
            if prod(x.shape[1:]) % ALIGNED_VALUES:
                return x.shape[0]
    return 1


def _keeps_apart(network: Network, node: Node, extent: int) -> bool:
    inputs, outputs = network.inputs_of(node), network.outputs_of(node)
    computed = [x for x in inputs if not x.is_constant]
    if not computed or any(x.shape[:1] != (extent,) for x in (*computed, *outputs)):
        return False
    return node.operator.keeps_samples_apart(inputs, outputs)
