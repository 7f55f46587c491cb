"""How the machine computes Split: see npusim/operators/split.py."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import Rectangle, emit_copy, emit_select, identity
from npusim.compiler.lower.kinds.rearranged import lower_rearrangement
from npusim.graph.network import Network, Node

WHEN = "the host where it is quicker"


def lower(network: Network, node: Node, c: None, context: Context) -> Lowering | None:
    """Return how values move; None where the host has to, or is quicker."""
    found = _by_rectangles(network, node, context)
    return lower_rearrangement(network, node, c, context) if found is None else found


def _by_rectangles(network: Network, node: Node, context: Context) -> Lowering | None:
    """Return how the pieces are copied, one after the other; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Split)
    x = network.inputs_of(node)[0]
    rank = len(x.shape)
    axis = operator.axis + 4 - rank
    if not 2 <= rank <= 4 or axis == 0 or x.shape[0] != 1:
        return None
    if not all_bytes(x, *network.outputs_of(node)) or not context.lies_as_is(node.inputs[0]):
        return None
    source, size = context.source(node.inputs[0]), context.machine.size
    starts = (0, *accumulate(operator.sizes))

    def emit(*places: Stored) -> None:
        for place, start in zip(places, starts, strict=False):
            if axis == 3 and start % size:
                channels = np.arange(place.channels) + start
                chosen = identity(0 * channels, channels)
                emit_select(context.emitter, context.constants, [source], place, chosen)
                continue
            row, column = (start if axis == i else 0 for i in (1, 2))
            emit_copy(
                context.emitter, source, place,
                Rectangle(row, place.height, column, place.width), (0, 0, 0),
                from_block=start // size if axis == 3 else 0, blocks=place.blocks,
            )  # fmt: skip

    return emit
