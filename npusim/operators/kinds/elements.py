"""Steps of two 8-bit operands, element by element, shapes broadcast."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
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


def elements_step(
    network: Network, node: Node, kernel: Callable[..., None], *constants: object
) -> Step:
    """Return the step that runs kernel(a, b, *constants, y) over broadcast, flat operands."""
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    require_8_bit(node, a, b, y)
    same_shape = KernelStep(kernel, constants, y.dtype, view=(-1,))

    def spread(threads: int, a: NDArray, b: NDArray) -> NDArray:
        a, b = (np.array(x) for x in np.broadcast_arrays(a, b))
        return same_shape(threads, a, b)

    batched = a.is_constant == b.is_constant
    return same_shape if batched and a.shape == b.shape else spread
