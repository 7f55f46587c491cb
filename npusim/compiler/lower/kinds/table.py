"""Functions of one 8-bit value: a table in the vector unit."""

from __future__ import annotations

import numpy as np

from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.pointwise import pointwise
from npusim.graph.network import Network, Node
from npusim.operators.kinds.table import Table, by_byte


def lower_table(network: Network, node: Node, c: Table, context: Context) -> Lowering | None:
    """Return how the vector unit looks values up; None where the host has to."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y):
        return None
    source = context.source(node.inputs[0])
    return pointwise(context, [source], by_byte(x, c).view(np.uint8))
