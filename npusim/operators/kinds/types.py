"""Types that a page's integer part takes."""

from __future__ import annotations

import numpy as np

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor, same_quantization


def require_8_bit(node: Node, *tensors: Tensor) -> None:
    """Raise UnsupportedError unless every tensor is int8 or uint8."""
    for tensor in tensors:
        if tensor.dtype not in (np.int8, np.uint8):
            raise UnsupportedError(
                f"{node.name}: expected 8-bit integers in {tensor.name}, found {tensor.dtype}"
            )


def one_8_bit_input(network: Network, node: Node) -> tuple[Tensor, Tensor]:
    """Return the input and output of a node on 8-bit integers."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_8_bit(node, x, y)
    return x, y


def require_same_quantization(node: Node, x: Tensor, y: Tensor) -> None:
    """Raise UnsupportedError unless `y` can hold the integers of `x` as they are."""
    if x.dtype != y.dtype or not same_quantization(x, y):
        raise UnsupportedError(
            f"{node.name}: expected {x.name} and {y.name} of one type, scale and zero point"
        )
