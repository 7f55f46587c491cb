"""How the machine computes ReduceMax: see npusim/operators/reduce_max.py."""

from __future__ import annotations

from typing import Literal

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.pool import pooled, reduced
from npusim.graph.network import Network, Node

WHEN = "over rows, columns or both"


def lower(network: Network, node: Node, c: None, context: Context) -> Lowering | None:
    """Return how the vector unit takes the extremes; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.ReduceMax)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or x.dtype != y.dtype:
        return None
    found = reduced(network, node, operator.axes, context)
    if found is None:
        return None
    window, target = found
    limits = np.iinfo(x.dtype)
    extreme: Literal["max", "min"] = "min" if operator.least else "max"
    return pooled(
        context, node, target, window, 0, int(limits.min), int(limits.max), None, extreme
    )  # fmt: skip
