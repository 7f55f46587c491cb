"""How the machine computes Mean: see npusim/operators/mean.py."""

from __future__ import annotations

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.channel_sums import is_over_channels, summed
from npusim.compiler.lower.kinds.pool import pooled, reduced
from npusim.graph.network import Network, Node
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization

WHEN = "over rows, columns or both; over channels by the array"


def lower(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization,
    context: Context,
) -> Lowering | None:
    """Return how the vector unit, or the array, takes the means; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Mean)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y):
        return None
    over_channels = is_over_channels(network, node, operator.axes, context)
    found = None if over_channels else reduced(network, node, operator.axes, context)
    if not over_channels and found is None:
        return None
    if isinstance(c, VectorAndRest):
        if x.shape[-1] % c.lanes:
            return None
        c = c.vector
    r = epilogues.mean(network, node, c, context.machine)
    if r is None:
        return None
    if found is None:
        return summed(network, node, r, context)
    window, target = found
    return pooled(context, node, target, window, 0, -128, 127, lambda taps: r)
