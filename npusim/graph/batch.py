"""Whether every operator treats the samples of a batch separately."""

from __future__ import annotations

from npusim.graph.network import Network, Node


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


def _keeps_apart(network: Network, node: Node, extent: int) -> bool:
    inputs, outputs = network.inputs_of(node), network.outputs_of(node)
    computed = [x for x in inputs if not x.is_constant]
    if not computed or any(x.shape[:1] != (extent,) for x in (*computed, *outputs)):
        return False
    return node.operator.keeps_samples_apart(inputs, outputs)
