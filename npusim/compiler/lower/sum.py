"""How the machine computes Sum: see npusim/operators/sum.py."""

from __future__ import annotations

from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.lower.kinds.channel_sums import is_over_channels, summed
from npusim.compiler.lower.kinds.pool import pooled, reduced
from npusim.graph.network import Network, Node
from npusim.operators.sum import Finish, Sum

WHEN = (
    "over rows, columns or both, over channels by the array, where integers give the "
    "runtime's outputs"
)


def lower(network: Network, node: Node, finish: Finish, context: Context) -> Lowering | None:
    """Return how the vector unit, or the array, adds; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, Sum)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y):
        return None
    over_channels = is_over_channels(network, node, operator.axes, context)
    found = None if over_channels else reduced(network, node, operator.axes, context)
    if not over_channels and found is None:
        return None
    r = epilogues.tabulated_sum(network, node, finish)
    if r is None:
        return None
    if found is None:
        return summed(network, node, r, context)
    window, target = found
    return pooled(context, node, target, window, 0, r.low, r.high, lambda taps: r)
