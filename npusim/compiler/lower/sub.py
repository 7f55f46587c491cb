"""How the machine computes Sub: see npusim/operators/sub.py."""

from __future__ import annotations

from collections.abc import Iterator

from npusim.compiler.context import Context, Lowering
from npusim.compiler.lower.kinds.elements import first_that_gives, lower_bytes, pair_values
from npusim.compiler.pair_operations import PairOperation, three_roundings
from npusim.errors import RangeError
from npusim.graph.network import Network, Node
from npusim.operators.kinds.sums import three_steps

WHEN = (
    "bare numbers, or two operands of one type that are as large as the output, one pixel or "
    "one channel of it, where integers give the runtime's outputs"
)


def lower(network: Network, node: Node, c: object, context: Context) -> Lowering | None:
    """Return how the vector unit subtracts; None where the host has to."""
    found = lower_bytes(network, node, c, context)
    values = None if found is not None else pair_values(network, node, c, context)
    if values is None:
        return found
    return first_that_gives(values, network, node, context, _operations(network, node))


def _operations(network: Network, node: Node) -> Iterator[PairOperation]:
    """Yield TFLite's difference, of three roundings."""
    try:
        yield three_roundings(three_steps(network, node), subtract=True)
    except RangeError:
        return
