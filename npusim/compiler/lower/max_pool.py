"""How the machine computes MaxPool: see npusim/operators/max_pool.py."""

from __future__ import annotations

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.pool import pooled
from npusim.graph.network import Network, Node
from npusim.graph.tensor import same_quantization

WHEN = "input and output of one scale"


def lower(network: Network, node: Node, c: tuple[int, int], context: Context) -> Lowering | None:
    """Return how the vector unit takes the maxima; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.MaxPool)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or x.dtype != y.dtype or not same_quantization(x, y):
        return None
    return pooled(
        context, node, context.as_stored(y), operator.window, int(np.iinfo(x.dtype).min), *c, None
    )
