"""A network of so many samples: what a program computes."""

from __future__ import annotations

from dataclasses import replace

from npusim.errors import UnsupportedError
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor


def declared_samples(network: Network) -> int:
    """Return the samples that the network's declared shapes hold; 1 where it mixes them."""
    extents = {network.tensors[name].shape[:1] for name in network.inputs}
    if extents <= {(1,), ()} or not keeps_samples_apart(network):
        return 1
    return max(extent[0] for extent in extents)


def single_sample(network: Network) -> Network:
    """Return `network` with a declared batch of one; see `of_samples`."""
    return of_samples(network, 1)


def of_samples(network: Network, samples: int) -> Network:
    """Return `network` with a declared batch of `samples`, and its state as inputs and outputs.

    A network that mixes the samples of its batch is one sample as it stands.

    Raises
    ------
    UnsupportedError
        It mixes its samples, and several are asked for.
    """
    is_apart = keeps_samples_apart(network)
    network = network.functional()
    extents = {network.tensors[name].shape[:1] for name in network.inputs}
    if extents <= {(samples,)} or (samples == 1 and (not is_apart or extents <= {(1,), ()})):
        return network
    if not is_apart:
        found = sorted(extent[0] for extent in extents if extent)
        raise UnsupportedError(
            f"{network.name}: expected one run of a network that mixes batches of {found}, "
            f"found {samples} samples"
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
