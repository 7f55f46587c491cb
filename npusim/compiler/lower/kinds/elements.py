"""Functions of one or two 8-bit values of one place, whatever a runtime's arithmetic is.

What an instruction computes is compared with the host's own step for every byte, or for every pair
of bytes: where it differs, the host computes the operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.compiler import byte_functions
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Stored
from npusim.compiler.lower.kinds.pointwise import pointwise
from npusim.compiler.pair_operations import PairOperation, outputs
from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.table import by_byte


def lower_bytes(network: Network, node: Node, c: object, context: Context) -> Lowering | None:
    """Return the table of a function of one byte, other operands bare numbers; None for others."""
    if not byte_functions.is_of_one_byte(network, node):
        return None
    (name,) = byte_functions.computed_inputs(network, node)
    x, y = network.tensors[name], network.output_of(node)
    if not all_bytes(x, y) or prod(x.shape) != prod(y.shape):
        return None
    if byte_functions.depends_on_place(network, node, c):
        return None
    try:
        table = byte_functions.of_one_byte(network, node, context.rule)
    except (UnsupportedError, RangeError):  # of a byte that the runtime refuses, too
        return None
    return pointwise(context, [context.source(name)], by_byte(x, table).view(np.uint8))


def pair_values(
    network: Network, node: Node, c: object, context: Context
) -> NDArray[np.int64] | None:
    """Return the outputs of all pairs of bytes; None where the vector unit has no pairs of them."""
    y = network.output_of(node)
    operands = network.inputs_of(node)
    if not all_bytes(*operands, y) or len({x.dtype for x in operands}) > 1:
        return None
    if not all(fits(x, y) for x in operands):
        return None
    if byte_functions.depends_on_place(network, node, c):
        return None
    try:
        return byte_functions.of_two_bytes(network, node, context.rule)
    except (UnsupportedError, RangeError):
        return None


def fits(x: Tensor, y: Tensor) -> bool:
    """Return whether an operand has the output's shape, or is one pixel or one channel of it."""
    one_pixel = prod(x.shape[:-1]) == 1 and len(x.shape) <= len(y.shape)
    pixels = one_pixel or x.shape[:-1] == y.shape[:-1]
    return pixels and x.shape[-1:] in (y.shape[-1:], (1,))


def pair_sources(node: Node, context: Context) -> list[Stored] | None:
    """Return where two operands lie; None where their axes do not lie in their own order."""
    if not all(context.lies_as_is(name) for name in node.inputs):
        return None
    return [context.source(name) for name in node.inputs]


def first_that_gives(
    values: NDArray[np.int64],
    network: Network,
    node: Node,
    context: Context,
    operations: Iterator[PairOperation],
) -> Lowering | None:
    """Return the first of `operations` that gives `values` for every pair of bytes."""
    for operation in operations:
        if np.array_equal(outputs(operation, network, node), values):
            sources = pair_sources(node, context)
            return None if sources is None else pointwise(context, sources, operation)
    return None
