"""How the machine computes Mul: see npusim/operators/mul.py."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.context import Context, Lowering
from npusim.compiler.lower.kinds.elements import first_that_gives, lower_bytes, pair_values
from npusim.compiler.pair_operations import PairOperation, product, products
from npusim.graph.network import Network, Node
from npusim.runtimes.requantization import Requantization, affine

WHEN = (
    "bare numbers, or two operands of one type that are as large as the output, one pixel or "
    "one channel of it, where integers give the runtime's outputs"
)


def lower(network: Network, node: Node, c: object, context: Context) -> Lowering | None:
    """Return how the vector unit multiplies; None where the host has to."""
    found = lower_bytes(network, node, c, context)
    values = None if found is not None else pair_values(network, node, c, context)
    if values is None:
        return found
    operations = _operations(network, node, c, values)
    return first_that_gives(values, network, node, context, operations)


def _operations(
    network: Network, node: Node, c: object, values: NDArray[np.int64]
) -> Iterator[PairOperation]:
    """Yield the runtime's own constants where they are integers, then those that equal it."""
    (s1, z1), (s2, z2) = (affine(node, x) for x in network.inputs_of(node))
    if isinstance(c, Requantization):
        yield product(c, (z1, z2))
    ratio = float(s1) * float(s2) / float(affine(node, network.output_of(node))[0])
    yield from products(network, node, values, ratio)
