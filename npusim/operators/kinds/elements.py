"""Steps of two 8-bit operands, element by element, shapes broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.jit import Kernel
from npusim.graph.network import Network, Node
from npusim.kernels.elementwise import lookup_pairs
from npusim.kernels.kernel_step import KernelStep
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.page import Step
from npusim.runtimes.requantization import Requantization
from npusim.words import ROUNDINGS


def integers(*values: int) -> NDArray[np.int64]:
    """Return constants as a kernel takes them."""
    return np.array(values, np.int64)


def one_channel(r: Requantization) -> tuple[int, int, int, int, int, int]:
    """Return M, shift, mode, zero point, low, high of a Requantization of one channel."""
    mode = ROUNDINGS.index(r.rounding)
    return int(r.multipliers[0, 0]), int(r.shift[0]), mode, r.zero_point, r.low, r.high


TABLE_ELEMENTS = 4096
"""Pairs of bytes in a call from which a table pays that is made once."""


class ElementsStep(KernelStep):
    """A kernel on two flat 8-bit operands; many elements are looked up in a table of all pairs.

    The kernel itself makes the table, once.
    """

    pairs: NDArray | None = None

    def call(self, *arrays: NDArray) -> tuple[Kernel, tuple[Any, ...]]:
        """Return what fills the last array from the two others."""
        a, b, y = (array.reshape(-1) for array in arrays)
        if y.size < TABLE_ELEMENTS:
            # More samples at once look up: the kernel is loaded then, and no layer waits for it.
            lookup_pairs(a[:0], b[:0], np.empty(0, self.dtype), y[:0])
            return super().call(*arrays)
        if self.pairs is None:
            self.pairs = self.table(a.dtype, b.dtype)
        return lookup_pairs, (a, b, self.pairs, y)

    def table(self, a: np.dtype, b: np.dtype) -> NDArray:
        """Return y of each pair of bytes of types `a` and `b`, that of `a` in the upper half."""
        upper, lower = np.divmod(np.arange(1 << 16), 256)
        pairs = upper.astype(np.uint8).view(a), lower.astype(np.uint8).view(b)
        table = np.empty(1 << 16, self.dtype)
        self.kernel(*pairs, *self.constants, table)
        return table


def elements_step(network: Network, node: Node, kernel: Kernel, *constants: object) -> Step:
    """Return the step that runs kernel(a, b, *constants, y) over broadcast, flat operands."""
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    require_8_bit(node, a, b, y)
    same_shape = ElementsStep(kernel, constants, y.dtype, view=(-1,))

    def spread(threads: int, a: NDArray, b: NDArray) -> NDArray:
        a, b = (np.array(x) for x in np.broadcast_arrays(a, b))
        return same_shape(threads, a, b)

    batched = a.is_constant == b.is_constant
    return same_shape if batched and a.shape == b.shape else spread
