"""A network of one sample: what a program computes."""

from __future__ import annotations

from dataclasses import replace

from npusim.errors import UnsupportedError
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor


def single_sample(network: Network) -> Network:
    """Return `network` with a declared batch of one, and its state as inputs and outputs.

    Raises
    ------
    UnsupportedError
        It declares more samples and mixes them.
    """
    network = network.functional()
    extents = {network.tensors[name].shape[:1] for name in network.inputs}
    if extents <= {(1,), ()}:
        return network
    if not keeps_samples_apart(network):
        found = sorted(extent[0] for extent in extents if extent)
        raise UnsupportedError(
            f"{network.name}: a program computes one sample, the network mixes batches of {found}"
        )
    computed = {*network.inputs, *network.producer}

    def tensor_of_one(tensor: Tensor) -> Tensor:
        if tensor.name not in computed:
            return tensor
        return replace(tensor, shape=(1, *tensor.shape[1:]))

    return replace(
        network,
        tensors={name: tensor_of_one(tensor) for name, tensor in network.tensors.items()},
        nodes=tuple(replace(node, operator=node.operator.for_batch(1)) for node in network.nodes),
    )
