"""How the machine computes Quantize: see npusim/operators/quantize.py."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.pointwise import pointwise
from npusim.graph.network import Network, Node
from npusim.operators.kinds.table import Table, by_byte
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.requantization import Requantization, affine

WHEN = "8 bits to 8 bits, where integers or a table give the runtime's outputs"


def lower(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | Table | str,
    context: Context,
) -> Lowering | None:
    """Return how the vector unit changes the scale; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Quantize)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y):
        return None
    if isinstance(c, VectorAndRest):
        if prod(x.shape[1:]) % c.lanes:
            return None
        c = c.vector
    if isinstance(c, str):
        return None
    source = context.source(node.inputs[0])
    if isinstance(c, Requantization):
        return pointwise(context, [source], with_zero_point(c, affine(node, x)[1]))
    r = epilogues.conversions(network, node, x, [c])
    return pointwise(context, [source], by_byte(x, c).view(np.uint8) if r is None else r)


def with_zero_point(r: Requantization, zero_point: int) -> Requantization:
    """Return `r`, made for A = x - zero_point, for x as it is."""
    return replace(r, bias=r.bias - r.multipliers[0] * zero_point)
