"""ReduceMean in float32 as onnxruntime computes it: the order of its additions decides the bits."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.kernels import floating_point
from npusim.operators.kinds.reduce import Reduce
from npusim.operators.page import Step
from npusim.words import Rule


def float_mean(network: Network, node: Node, rule: Rule) -> Step:
    """Return ReduceMean in float32, whose bytes depend on the order of the additions."""
    operator = node.operator
    assert isinstance(operator, Reduce)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    order = x.file_order or tuple(range(len(x.shape)))
    reduced = [axis in operator.axes for axis in order if x.shape[axis] != 1]
    if reduced != sorted(reduced):
        raise UnsupportedError(
            f"{node.name}: there is no mean in float over axes {list(operator.axes)}: expected the "
            f"file's last axes"
        )
    length = prod(x.shape[axis] for axis in operator.axes)
    rows_per_image = prod(x.shape) // length
    shape, y_dtype = y.shape, y.dtype

    def mean(threads: int, x: NDArray) -> NDArray:
        rows = np.ascontiguousarray(x.transpose(order)).reshape(-1, length)
        means = np.empty(len(rows), y_dtype)
        floating_point.mean_of_rows(rows, rows_per_image, means)
        return back(means, len(x))

    file_shape = [shape[axis] for axis in (y.file_order or range(len(shape)))]

    def back(values: NDArray, samples: int) -> NDArray:
        inside = values.reshape(samples if shape[:1] == x.shape[:1] else shape[0], *file_shape[1:])
        return np.ascontiguousarray(y.from_file_order(inside))

    return mean
