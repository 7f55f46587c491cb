"""A network of so many samples: what a program computes."""

from __future__ import annotations

from dataclasses import replace

from npusim.errors import UnsupportedError
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor


def declared_samples(network: Network) -> int:
    """Return the samples that the network's declared shapes hold."""
    network = network.functional()
    extents = {network.tensors[name].shape[:1] for name in network.inputs}
    if extents <= {(1,), ()} or not keeps_samples_apart(network):
        return 1
    return max(extent[0] for extent in extents)


def single_sample(network: Network) -> Network:
    """Return `network` with a declared batch of one; see `of_samples`."""
    return of_samples(network, 1)


def of_samples(network: Network, samples: int) -> Network:
    """Return `network` with a declared batch of `samples`, and its state as inputs and outputs.

    Raises
    ------
    UnsupportedError
        It declares another number and mixes them.
    """
    network = network.functional()
    extents = {network.tensors[name].shape[:1] for name in network.inputs}
    if extents <= {(samples,)} or (samples == 1 and extents <= {(1,), ()}):
        return network
    if not keeps_samples_apart(network):
        found = sorted(extent[0] for extent in extents if extent)
        wanted = "one sample" if samples == 1 else f"{samples} samples apart"
        raise UnsupportedError(
            f"{network.name}: a program computes {wanted}, the network mixes batches of {found}"
        )
    computed = {*network.inputs, *network.producer}

    def tensor_of(tensor: Tensor) -> Tensor:
        if tensor.name not in computed:
            return tensor
        return replace(tensor, shape=(samples, *tensor.shape[1:]))

    return replace(
        network,
        tensors={name: tensor_of(tensor) for name, tensor in network.tensors.items()},
        nodes=tuple(
            replace(node, operator=node.operator.for_batch(samples)) for node in network.nodes
        ),
    )
