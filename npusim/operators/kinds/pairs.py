"""Functions of two integers at a time: two bytes in, one out, as a table of 65,536 outputs.

A page says what comes out for arrays of integers, whatever the arithmetic; for 8-bit operands it
is asked once for every pair, and one kernel looks the answers up. Wider ones are computed as they
come.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.kernels import elementwise
from npusim.kernels.kernel_step import KernelStep
from npusim.operators.page import Step

Integers = NDArray[np.int64]
Pairs = Callable[[Integers, Integers], NDArray]
"""(a, b) -> y: arrays that broadcast, as integers stand in the tensors; y within its type."""

FEW = 1 << 12
"""Elements of a layer for which asking is cheaper than making the table."""


def pairs_step(network: Network, node: Node, function: Pairs) -> Step:
    """Return the step that computes `function` of two operands, shapes broadcast."""
    a, b = network.inputs_of(node)
    dtype = network.output_of(node).dtype

    def ask(threads: int, a: NDArray, b: NDArray) -> NDArray:
        return function(a.astype(np.int64), b.astype(np.int64)).astype(dtype)

    if max(a.dtype.itemsize, b.dtype.itemsize) > 1 or prod(network.output_of(node).shape) < FEW:
        return ask
    table = function(_bytes(a)[:, None], _bytes(b)[None, :]).astype(dtype).ravel()
    look_up = KernelStep(elementwise.lookup_pairs, (table,), dtype, view=(-1,))

    def spread(threads: int, a: NDArray, b: NDArray) -> NDArray:
        a, b = (np.array(x) for x in np.broadcast_arrays(a, b))
        return np.asarray(look_up(threads, a, b))

    batched = a.is_constant == b.is_constant
    return look_up if batched and a.shape == b.shape else spread


def _bytes(x: Tensor) -> Integers:
    """Return the value of each byte of an 8-bit tensor."""
    return np.arange(256, dtype=np.uint8).view(x.dtype).astype(np.int64)
