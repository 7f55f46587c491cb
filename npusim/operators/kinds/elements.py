"""Steps of two 8-bit operands, element by element, shapes broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npusim.datapath.jit import Kernel
from npusim.graph.network import Network, Node
from npusim.kernels.elementwise import add_on_line, lookup_pairs
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


SLOPE_BITS = 30
"""Of the larger multiplier of a line: products of two 32-bit numbers are one instruction."""


def line_of(
    table: NDArray, a: np.dtype, b: np.dtype, slopes: tuple[float, float]
) -> NDArray[np.int64] | None:
    """Return M1, M2, bias, shift, low, high of the sum that gives all of a table of pairs.

    clamp((M1 * a + M2 * b + bias) >> shift, low, high) is the table's y for each pair of bytes of
    types `a` and `b`. None where no bias makes it so with multipliers at these slopes: roundings on
    the way to y may put some pair on the other side of a half.
    """
    _, exponent = np.frexp(max(abs(slope) for slope in slopes))
    shift = SLOPE_BITS - int(exponent)
    if not 0 <= shift <= 48:
        return None
    m1, m2 = (round(float(slope) * 2.0**shift) for slope in slopes)
    first, second = (np.arange(256, dtype=np.uint8).view(kind).astype(np.int64) for kind in (a, b))
    line = (m1 * first[:, None] + m2 * second).ravel()
    y = table.astype(np.int64)
    low, high = int(y.min()), int(y.max())
    if low == high:
        return None
    least = int(((y << shift) - line)[y > low].max())
    most = int((((y + 1) << shift) - 1 - line)[y < high].min())
    return integers(m1, m2, (least + most) // 2, shift, low, high) if least <= most else None


class ElementsStep(KernelStep):
    """A kernel on two flat 8-bit operands; many elements are looked up in a table of all pairs.

    The kernel itself makes the table, once. Where y is nearly a sum of the operands times `slopes`,
    and one sum proves to give the whole table, that is computed instead.
    """

    pairs: NDArray | None = None
    line: NDArray[np.int64] | None = None

    def __init__(
        self,
        kernel: Kernel,
        constants: tuple[Any, ...],
        dtype: DTypeLike,
        slopes: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(kernel, constants, dtype, view=(-1,))
        self.slopes = slopes

    def call(self, *arrays: NDArray) -> tuple[Kernel, tuple[Any, ...]]:
        """Return what fills the last array from the two others."""
        a, b, y = (array.reshape(-1) for array in arrays)
        if y.size < TABLE_ELEMENTS:
            # More samples at once look up: the kernel is loaded then, and no layer waits for it.
            lookup_pairs(a[:0], b[:0], np.empty(0, self.dtype), y[:0])
            return super().call(*arrays)
        if self.pairs is None:
            table = self.table(a.dtype, b.dtype)
            if self.slopes is not None:
                self.line = line_of(table, a.dtype, b.dtype, self.slopes)
            self.pairs = table
        if self.line is not None:
            return add_on_line, (a, b, self.line, y)
        return lookup_pairs, (a, b, self.pairs, y)

    def table(self, a: np.dtype, b: np.dtype) -> NDArray:
        """Return y of each pair of bytes of types `a` and `b`, that of `a` in the upper half."""
        upper, lower = np.divmod(np.arange(1 << 16), 256)
        pairs = upper.astype(np.uint8).view(a), lower.astype(np.uint8).view(b)
        table = np.empty(1 << 16, self.dtype)
        self.kernel(*pairs, *self.constants, table)
        return table


def elements_step(
    network: Network,
    node: Node,
    kernel: Kernel,
    *constants: object,
    slopes: tuple[float, float] | None = None,
) -> Step:
    """Return the step that runs kernel(a, b, *constants, y) over broadcast, flat operands.

    `slopes`: what y grows by with each operand, where it is their sum but for roundings.
    """
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    require_8_bit(node, a, b, y)
    same_shape = ElementsStep(kernel, constants, y.dtype, slopes)

    def spread(threads: int, a: NDArray, b: NDArray) -> NDArray:
        a, b = (np.array(x) for x in np.broadcast_arrays(a, b))
        return same_shape(threads, a, b)

    batched = a.is_constant == b.is_constant
    return same_shape if batched and a.shape == b.shape else spread
