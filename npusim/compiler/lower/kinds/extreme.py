"""The lesser or greater of two 8-bit values."""

from __future__ import annotations

from typing import Literal

import numpy as np

from npusim.compiler.byte_functions import values_of
from npusim.compiler.context import Context, Lowering
from npusim.compiler.lower.kinds.elements import lower_bytes, pair_sources, pair_values
from npusim.compiler.lower.kinds.pointwise import pointwise
from npusim.compiler.pair_operations import Extreme
from npusim.graph.network import Network, Node


def lower_extreme(
    op: Literal["max", "min"], network: Network, node: Node, c: object, context: Context
) -> Lowering | None:
    """Return how the vector unit compares; None where the host has to."""
    found = lower_bytes(network, node, c, context)
    values = None if found is not None else pair_values(network, node, c, context)
    if values is None:
        return found
    function = np.maximum if op == "max" else np.minimum
    first, second = (values_of(x) for x in network.inputs_of(node))
    sources = pair_sources(node, context)
    if sources is None or not np.array_equal(function.outer(first, second), values):
        return None
    return pointwise(context, sources, Extreme(op))
