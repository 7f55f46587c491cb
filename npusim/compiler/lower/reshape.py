"""How the machine computes Reshape: see npusim/operators/reshape.py."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import Columns, emit_columns
from npusim.compiler.lower.kinds.rearranged import lower_rearrangement
from npusim.graph.network import Network, Node

WHEN = "nothing moves where the bytes stay; the host where it is quicker"


def lower(network: Network, node: Node, c: None, context: Context) -> Lowering | None:
    """Return how values move; None where the host has to, or is quicker."""
    found = _by_columns(network, node, context)
    return lower_rearrangement(network, node, c, context) if found is None else found


def _by_columns(network: Network, node: Node, context: Context) -> Lowering | None:
    """Return how channels become pixels of fewer channels, or the reverse; None for the host.

    Whole blocks of channels move by addresses. A reshape that leaves the bytes where they are never
    comes here (compile.py).
    """
    assert isinstance(node.operator, op.Reshape)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or not x.shape or not y.shape or x.shape[0] != 1:
        return None
    if not context.lies_as_is(node.inputs[0]):
        return None
    wide, narrow = max(x.shape[-1], y.shape[-1]), min(x.shape[-1], y.shape[-1])
    if narrow % context.machine.size or wide % narrow:
        return None
    source, parts = context.source(node.inputs[0]), wide // narrow
    pixels, blocks = prod(x.shape) // wide, narrow // context.machine.size
    places = [(part, block) for part in range(parts) for block in range(blocks)]

    def emit(target: Stored) -> None:
        apart = [(block, part) for part, block in places]
        together = [(part * blocks + block, 0) for part, block in places]
        splits = x.shape[-1] == wide
        widths = (1, parts) if splits else (parts, 1)
        a, b = (
            replace(stored, height=pixels, width=width)
            for stored, width in zip((source, target), widths, strict=True)
        )
        moves = zip(together, apart, strict=True) if splits else zip(apart, together, strict=True)
        emit_columns(context.emitter, a, b, [Columns(*one, *other) for one, other in moves])

    return emit
