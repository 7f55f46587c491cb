"""How the machine computes Mean: see npusim/operators/mean.py."""

from __future__ import annotations

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.pool import pooled, reduced
from npusim.graph.network import Network, Node
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization


def lower(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization,
    context: Context,
) -> Lowering | None:
    """Return how the vector unit takes the means; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Mean)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    found = reduced(network, node, operator.axes, context) if all_bytes(x, y) else None
    if found is None:
        return None
    if isinstance(c, VectorAndRest):
        if x.shape[-1] % c.lanes:
            return None
        c = c.vector
    r = epilogues.mean(network, node, c, context.machine)
    window, target = found
    return pooled(context, node, target, window, 0, -128, 127, lambda taps: r)
