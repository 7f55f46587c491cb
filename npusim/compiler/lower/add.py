"""How the machine computes Add: see npusim/operators/add.py."""

from __future__ import annotations

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.elements import fits, lower_bytes
from npusim.compiler.lower.kinds.pointwise import pointwise
from npusim.graph.network import Network, Node
from npusim.operators.add import Constants

WHEN = (
    "bare numbers, or two operands of one type that are as large as the output, one pixel or "
    "one channel of it, where integers give the runtime's outputs"
)


def lower(network: Network, node: Node, c: Constants, context: Context) -> Lowering | None:
    """Return how the vector unit adds; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Add)
    found = lower_bytes(network, node, c, context)
    if found is not None:
        return found
    a, b = network.inputs_of(node)
    target = network.output_of(node)
    if not all_bytes(a, b, target) or len({a.dtype, b.dtype}) > 1:
        return None
    if not all(fits(x, target) for x in (a, b)):
        return None
    sources = [context.source(name) for name in node.inputs]
    function = epilogues.addition(network, node, c)
    return None if function is None else pointwise(context, sources, function)
