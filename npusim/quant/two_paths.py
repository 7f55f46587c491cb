"""The float network and the one quantized so far, side by side, a node at a time.

An encoder fits a layer to what the float network puts out, given what the layers before it, codes
and int8 activations included, put in. Activations are kept for all samples: float32 for the float
path, int8 for the other; a tensor lives until its last reader is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization
from npusim.quant.float_network import (
    Samples,
    chunk_samples,
    constant,
    evaluate,
    of_chunk,
    sample_count,
    sample_values,
    some_samples,
)
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
    samples
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
        samples: Samples,
        scales: Mapping[str, Quantization],
        threads: int,
    ) -> None:
        most = max(sample_values(network, (*n.inputs, *n.outputs)) for n in network.nodes)
        every = sample_count(samples)
        count = min(every, max(LEAST_SAMPLES, MOST_BYTES // (BYTES_A_VALUE * most)))
        samples = some_samples(samples, np.arange(count) * every // count)
        self.network, self.samples = network, count
        self._scales, self._threads = scales, threads
        self._real, self._integers = {}, {}
        for name, x in samples.items():
            exact = network.tensors[name].dtype.kind in "iu"
            self._real[name] = x if exact else x.astype(np.float32)
            self._integers[name] = x if exact else to_int8(x, scales[name])
        self._readers = {name: len(nodes) for name, nodes in network.consumers.items()}

    def pairs(
        self, name: str, channels: slice = slice(None)
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield each row of a tensor [1 ...] as (quantized network's, float network's)."""
        q = self._scales[name]
        for n in range(len(self._real[name])):
            one = (slice(n, n + 1), ..., channels)
            yield to_real(self._integers[name][one], q), self._real[name][one].astype(np.float64)

    def _read(self, name: str, start: int, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return `count` samples of a tensor in the float network, and in the quantized one."""
        rows = len(self._real[name]) // self.samples
        part = slice(start * rows, (start + count) * rows)
        real, integers = self._real[name][part], self._integers[name][part]
        if name not in self._scales:
            return real, integers
        return real.astype(np.float64), to_real(integers, self._scales[name])

    def moments(self, node: Node) -> LayerSums:
        """Return the sums over a linear node's operands."""
        most, rows = weighed_windows(self.network, node), len(self._real[node.inputs[0]])
        if most:
            found = sum_clamped(
                self.network, node, lambda part: self.pairs(node.inputs[0], part), rows,
                most, self._threads,
            )  # fmt: skip
            return LayerSums.of(found)
        pairs = self.pairs(node.inputs[0])
        return LayerSums.of(sum_moments(self.network, node, pairs, rows, self._threads))

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
        together = chunk_samples(self.network)
        for start in range(0, self.samples, together):
            count = min(together, self.samples - start)
            exact: list[NDArray[Any]] = []
            coded: list[NDArray[Any]] = []
            for name in node.inputs:
                if name in self._real:
                    parts = self._read(name, start, count)
                else:
                    known = constant(self.network.tensors[name])
                    parts = known, constants.get(name, known)
                for values, part in zip((exact, coded), parts, strict=True):
                    values.append(part)
            operator = of_chunk(self.network, node, count)
            y = evaluate(operator, exact, self._threads)
            if bias is not None:
                coded[2:] = [bias]
            if not start:
                rows = len(y) // count
                shape = (self.samples * rows, *y.shape[1:])
                self._real[output] = np.empty(shape, np.float32)
                self._integers[output] = np.empty(shape, np.int8)
            place = slice(start * rows, (start + count) * rows)
            self._real[output][place] = y
            found = evaluate(operator, coded, self._threads)
            self._integers[output][place] = to_int8(found, self._scales[output])
        for name in node.inputs:
            if name in self._readers:
                self._readers[name] -= 1
                if not self._readers[name]:
                    self._real.pop(name, None)
                    self._integers.pop(name, None)
