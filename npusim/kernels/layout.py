"""Operators that move integers without changing them, on canonical arrays with a leading batch."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.datapath.jit import kernel
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor, same_quantization
from npusim.kernels.vector_rest import Step
from npusim.runtimes.requantization import affine
from npusim.words import Rule


def require_same_quantization(node: Node, x: Tensor, y: Tensor) -> None:
    """Raise UnsupportedError unless `y` can hold the integers of `x` as they are."""
    if x.dtype != y.dtype or not same_quantization(x, y):
        raise UnsupportedError(
            f"{node.name}: expected {x.name} and {y.name} of one type, scale and zero point"
        )


def pad(operator: op.Pad, network: Network, node: Node, rule: Rule) -> Step:
    """Surround x with its zero point."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_same_quantization(node, x, y)
    _, fill = affine(node, x)
    image = zip(operator.before[1:], x.shape[1:], strict=True)
    inside = (slice(None), *(slice(before, before + n) for before, n in image))
    shape, dtype = y.shape[1:], y.dtype
    if operator.before[0] or operator.after[0]:
        raise UnsupportedError(f"{node.name}: padding along the batch axis")

    def surround(threads: int, x: NDArray) -> NDArray:
        y = np.full((len(x), *shape), fill, dtype)
        y[inside] = x
        return y

    return surround


def reshape(operator: op.Reshape, network: Network, node: Node, rule: Rule) -> Step:
    """Give the values another shape."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_same_quantization(node, x, y)
    shape = operator.shape
    if shape and x.shape[:1] == shape[:1]:
        return lambda threads, x: x.reshape(len(x), *shape[1:])
    return lambda threads, x: x.reshape(shape)


def transpose(operator: op.Transpose, network: Network, node: Node, rule: Rule) -> Step:
    """Reorder the axes."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_same_quantization(node, x, y)
    order = operator.order
    block = swapped_axes(order)
    if block is None or x.dtype.itemsize != 1:
        return lambda threads, x: np.ascontiguousarray(x.transpose(order))
    first, middle, end = block

    def swap(threads: int, x: NDArray) -> NDArray:
        sizes = [prod(x.shape[a:b]) for a, b in pairwise((0, first, middle, end, x.ndim))]
        y = np.empty([x.shape[axis] for axis in order], x.dtype)
        swap_middle(
            np.ascontiguousarray(x).view(np.uint8).reshape(sizes),
            y.view(np.uint8).reshape(sizes[0], sizes[2], sizes[1], sizes[3]),
        )
        return y

    return swap


def swapped_axes(order: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Return (a, b, c) where `order` only exchanges axes a..b-1 with axes b..c-1, else None."""
    rank = len(order)
    for a in range(rank):
        for b in range(a + 1, rank):
            for c in range(b + 1, rank + 1):
                if order == (*range(a), *range(b, c), *range(a, b), *range(c, rank)):
                    return a, b, c
    return None


@kernel
def swap_middle(x, y):
    """Fill y [A C R I] with x [A R C I]; numpy's own copy takes several times as long on bytes."""
    rows, columns, size = x.shape[1:]
    for a in range(x.shape[0]):
        if size > 1:
            for r in range(rows):
                for c in range(columns):
                    for i in range(size):
                        y[a, c, r, i] = x[a, r, c, i]
        elif rows > columns:  # the longer axis inside
            for c in range(columns):
                for r in range(rows):
                    y[a, c, r, 0] = x[a, r, c, 0]
        else:
            for r in range(rows):
                for c in range(columns):
                    y[a, c, r, 0] = x[a, r, c, 0]


def slice_axes(operator: op.Slice, network: Network, node: Node, rule: Rule) -> Step:
    """Take evenly spaced elements of each axis."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_same_quantization(node, x, y)
    bounds = [slice(*b) for b in zip(operator.start, operator.stop, operator.step, strict=True)]
    if operator.start[0] == 0 and operator.stop[0] == x.shape[0] and operator.step[0] == 1:
        bounds[0] = slice(None)
    index = tuple(bounds)
    return lambda threads, x: np.ascontiguousarray(x[index])
