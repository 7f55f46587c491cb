"""The float network and the one quantized so far, side by side, a node at a time.

An encoder fits a layer to what the float network puts out, given what the layers before it, codes
and int8 activations included, put in. Activations are kept for all samples: float32 for the float
path, int8 for the other; a tensor lives until its last reader is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization
from npusim.quant.float_network import chunk_samples, constant, evaluate, sample_values
from npusim.quant.moments import sum_moments
from npusim.quant.within import LayerSums, sum_clamped, weighed_windows

BYTES_A_VALUE = 5
MOST_BYTES = 1 << 29
"""What the inputs and outputs of one node may take on both paths."""
LEAST_SAMPLES = 8


def to_int8(values: NDArray[np.float64], q: Quantization) -> NDArray[np.int8]:
    """Return the int8 integers of real `values`, ties to even."""
    integers = np.rint(values / float(q.scale)) + int(q.zero_point)
    return np.clip(integers, -128, 127).astype(np.int8)


def to_real(integers: NDArray, q: Quantization) -> NDArray[np.float64]:
    """Return the real values of int8 `integers`."""
    return (integers.astype(np.float64) - int(q.zero_point)) * float(q.scale)


class TwoPaths:
    """Activations of both networks while the layers are quantized in order.

    Parameters
    ----------
    network
        The folded float network.
    samples : float64 [N ...]
        In canonical layout; where all of them would take more than `MOST_BYTES`, evenly spaced
        ones are taken, at least `LEAST_SAMPLES`.
    scales
        The int8 quantization of every tensor that is not constant.
    threads
        Cores to use; the result does not depend on it.
    """

    def __init__(
        self,
        network: Network,
        samples: NDArray[np.float64],
        scales: Mapping[str, Quantization],
        threads: int,
    ) -> None:
        most = max(sample_values(network, (*n.inputs, *n.outputs)) for n in network.nodes)
        count = min(len(samples), max(LEAST_SAMPLES, MOST_BYTES // (BYTES_A_VALUE * most)))
        samples = samples[np.arange(count) * len(samples) // count]
        self.network, self.samples = network, count
        self._scales, self._threads = scales, threads
        name = network.inputs[0]
        self._real = {name: samples.astype(np.float32)}
        self._integers = {name: to_int8(samples, scales[name])}
        self._readers = {name: len(nodes) for name, nodes in network.consumers.items()}

    def pairs(
        self, name: str, channels: slice = slice(None)
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield each sample of a tensor [1 ...] as (quantized network's, float network's)."""
        q = self._scales[name]
        for n in range(self.samples):
            one = (slice(n, n + 1), ..., channels)
            yield to_real(self._integers[name][one], q), self._real[name][one].astype(np.float64)

    def moments(self, node: Node) -> LayerSums:
        """Return the sums over a linear node's operands."""
        most = weighed_windows(self.network, node)
        if most:
            found = sum_clamped(
                self.network, node, lambda part: self.pairs(node.inputs[0], part), self.samples,
                most, self._threads,
            )  # fmt: skip
            return (*found, found[0] + found[1])
        pairs = self.pairs(node.inputs[0])
        shared = sum_moments(self.network, node, pairs, self.samples, self._threads)
        return (*shared, shared[0] + shared[1])

    def advance(
        self,
        node: Node,
        constants: Mapping[str, NDArray[np.float64]],
        bias: NDArray[np.float64] | None = None,
    ) -> None:
        """Execute `node` on both paths.

        `constants` are what the quantized one has in place of the network's, `bias` [OC] what a
        layer has there even if the network's has none.
        """
        output = node.outputs[0]
        shape = (self.samples, *self.network.tensors[output].shape[1:])
        real, integers = np.empty(shape, np.float32), np.empty(shape, np.int8)
        together = chunk_samples(self.network)
        for start in range(0, self.samples, together):
            part = slice(start, start + together)
            exact, coded = [], []
            for name in node.inputs:
                if name in self._real:
                    exact.append(self._real[name][part].astype(np.float64))
                    coded.append(to_real(self._integers[name][part], self._scales[name]))
                else:
                    exact.append(constant(self.network.tensors[name]))
                    coded.append(constants.get(name, exact[-1]))
            operator = node.operator
            real[part] = evaluate(operator, exact, self._threads)
            if bias is not None:
                coded[2:] = [bias]
            y = evaluate(operator, coded, self._threads)
            integers[part] = to_int8(y, self._scales[output])
        self._real[output], self._integers[output] = real, integers
        for name in node.inputs:
            if name in self._readers:
                self._readers[name] -= 1
                if not self._readers[name]:
                    self._real.pop(name, None)
                    self._integers.pop(name, None)
