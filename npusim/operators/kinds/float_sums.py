"""Sums and means along axes in float32: the order of the additions decides their bits."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.kernels import float_sums
from npusim.operators.kinds.reduce import Reduce

Floats = NDArray[np.float32]
Sums = Callable[[Floats], Floats]


def sums_as_onnxruntime(network: Network, node: Node, in_vectors: bool = True) -> Sums:
    """Return x -> sums along the operator's axes: each sample alone, in the order of the file."""
    operator = node.operator
    assert isinstance(operator, Reduce)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    order = x.file_order or tuple(range(len(x.shape)))
    axes = tuple(index for index, axis in enumerate(order) if axis in operator.axes)
    file_shape = tuple(x.shape[axis] for axis in order)
    kept = [axis for axis in order if axis not in operator.axes]
    back = [kept.index(axis) for axis in sorted(kept)]
    shape = y.shape

    def run(x: Floats) -> Floats:
        if not x.ndim:
            return x
        if not x.size:  # sums of nothing
            return np.zeros(shape, np.float32)
        samples = file_shape[0] if len(x) % file_shape[0] == 0 else 1
        out = shape if 0 in operator.axes else (samples, *shape[1:])
        parts = x.transpose(order).reshape(-1, samples, *file_shape[1:])
        found = [
            float_sums.sums(part, axes, in_vectors).transpose(back).reshape(out) for part in parts
        ]
        return found[0] if len(found) == 1 else np.concatenate(found)

    return run


def elements(network: Network, node: Node) -> int:
    """Return how many values each sum is made of."""
    assert isinstance(node.operator, Reduce)
    shape = network.inputs_of(node)[0].shape
    return prod(shape[axis] for axis in node.operator.axes)
