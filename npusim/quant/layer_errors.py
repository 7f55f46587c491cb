"""What the weights of each layer do to the network's output, activations left as they are.

    alone       only this layer's weights are those of its codes
    all_but     every layer's but this one's
    cumulative  this layer's and those of every layer before it

Each is the power of the output's error over that of the output about its mean, on float samples.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.quant.float_network import run_canonical, sample_count, some_samples
from npusim.quant.quantize import Prepared, Quantized, is_linear

MOST_SAMPLES = 16
"""Evenly spaced calibration samples that errors are measured on."""

Weights = tuple[NDArray[np.float64], NDArray[np.float64]]
"""A layer's weights [OC K] and bias [OC]."""


@dataclass(frozen=True)
class LayerErrors:
    """Shares of the output's power that errors of weights have; 0 where there are none."""

    name: str
    alone: float
    all_but: float
    cumulative: float


class OutputError:
    """Measures what other weights do to the output of a prepared network."""

    def __init__(self, prepared: Prepared, threads: int | None = None) -> None:
        self.network, self._threads = prepared.network, threads
        every = sample_count(prepared.samples)
        count = min(every, MOST_SAMPLES)
        self._samples = some_samples(prepared.samples, np.arange(count) * every // count)
        self._reference = self._run(self.network)
        about_mean = self._reference - self._reference.sum(axis=0) / count
        self._power = float((about_mean**2).sum()) or 1.0

    def of(self, layers: Mapping[str, Weights]) -> float:
        """Return the share of the output's power that the error of `layers` has."""
        error = self._run(with_weights(self.network, layers)) - self._reference
        return float((error**2).sum()) / self._power

    def _run(self, network: Network) -> NDArray[np.float64]:
        return run_canonical(network, self._samples, threads=self._threads)[network.outputs[0]]


def with_weights(network: Network, layers: Mapping[str, Weights]) -> Network:
    """Return a float `network` whose named layers have other weights and biases."""
    tensors, nodes = dict(network.tensors), []
    for node in network.nodes:
        if node.name in layers:
            node = _with_weights(network, node, *layers[node.name], tensors)
        nodes.append(node)
    return replace(network, nodes=tuple(nodes), tensors=tensors)


def _with_weights(
    network: Network,
    node: Node,
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    tensors: dict[str, Tensor],
) -> Node:
    shape = network.inputs_of(node)[1].shape
    names = f"{node.name}:weights", f"{node.name}:bias"
    for name, values in zip(names, (weights.reshape(shape), bias), strict=True):
        data = values.astype(np.float32)
        tensors[name] = Tensor(name, data.shape, data.dtype, None, data)
    return replace(node, inputs=(node.inputs[0], *names))


def layer_errors(
    prepared: Prepared, quantized: Quantized, threads: int | None = None
) -> list[LayerErrors]:
    """Return the errors of each linear layer of `quantized`, in order."""
    measure = OutputError(prepared, threads)
    every = {name: (q.real(), quantized.biases[name]) for name, q in quantized.coded.items()}
    order = [node.name for node in prepared.network.nodes if is_linear(node)]

    def error(names: Collection[str]) -> float:
        return measure.of({name: every[name] for name in names})

    return [
        LayerErrors(
            name, error([name]), error([*order[:i], *order[i + 1 :]]), error(order[: i + 1])
        )
        for i, name in enumerate(order)
    ]
