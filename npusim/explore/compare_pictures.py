"""What the page of a comparison draws of a layer: its weights, and each scheme's grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network
from npusim.quant.float_network import constant
from npusim.quant.levels import levels
from npusim.quant.quantize import Prepared, Quantized

HISTOGRAM_BINS = 61
PICTURED_LAYERS = 4
MOST_LEVELS = 512
PICTURED_BITS = 4


def pictured(prepared: Prepared) -> list[str]:
    """Return the layers to draw: the first, the last, and the largest between."""
    names = [name for name, _ in _linear(prepared.network)]
    sizes = {name: weights.size for name, weights in _linear(prepared.network)}
    inner = sorted(names[1:-1], key=lambda name: -sizes[name])[: PICTURED_LAYERS - 2]
    return [name for name in names if name in {names[0], names[-1], *inner}]


def histogram(prepared: Prepared, layer: str) -> dict[str, Any]:
    """Return the layer's weights, each over the greatest of its channel, in bins of -1..1."""
    weights = dict(_linear(prepared.network))[layer]
    ranges = np.abs(weights).max(axis=1)
    relative = weights[ranges > 0] / ranges[ranges > 0][:, None]
    counts, edges = np.histogram(relative, HISTOGRAM_BINS, (-1.0, 1.0))
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def grid(quantized: Quantized, layer: str) -> dict[str, Any]:
    """Return the grid of the live channel of median range, over that range."""
    coded = quantized.coded[layer]
    ranges = np.abs(coded.real()).max(axis=1)
    live = np.flatnonzero(ranges > 0)
    if not len(live):
        return {"channel": 0, "levels": []}
    channel = int(live[np.argsort(ranges[live], kind="stable")[len(live) // 2]])
    values = levels(coded, channel) / ranges[channel]
    step = max(1, -(-len(values) // MOST_LEVELS))
    return {"channel": channel, "levels": values[::step].tolist()}


def _linear(network: Network) -> Iterator[tuple[str, NDArray[np.float64]]]:
    for node in network.nodes:
        if node.kind in ("Conv2D", "FullyConnected"):
            w = network.tensors[node.inputs[1]]
            yield node.name, constant(w).reshape(w.shape[0], -1)


def float_bytes(network: Network) -> int:
    """Return the bytes of the weights and biases in float32."""
    return sum(4 * (weights.size + len(weights)) for _, weights in _linear(network))
