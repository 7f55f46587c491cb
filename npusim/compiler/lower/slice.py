"""How the machine computes Slice: see npusim/operators/slice.py."""

from __future__ import annotations

import numpy as np

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.moves import (
    Rectangle,
    emit_copy,
    emit_select,
    identity,
)
from npusim.compiler.lower.kinds.rearranged import lower_rearrangement
from npusim.graph.network import Network, Node

WHEN = "the host where it is quicker"


def lower(network: Network, node: Node, c: None, context: Context) -> Lowering | None:
    """Return how values move; None where the host has to, or is quicker."""
    found = _by_rectangles(network, node, context)
    return lower_rearrangement(network, node, c, context) if found is None else found


def _by_rectangles(network: Network, node: Node, context: Context) -> Lowering | None:
    """Return how data is copied; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.Slice)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if not all_bytes(x, y) or not 2 <= len(x.shape) <= 4 or x.shape[0] != y.shape[0]:
        return None
    if x.shape[0] != 1 or not context.lies_as_is(node.inputs[0]):
        return None
    source = context.source(node.inputs[0])
    start = (0,) * (4 - len(x.shape)) + operator.start
    step = (1,) * (4 - len(x.shape)) + operator.step
    size = context.machine.size
    channels = np.arange(y.shape[-1]) * step[3] + start[3]
    whole = y.shape[1:-1] == x.shape[1:-1]
    if step[3] == 1 and start[3] % size == 0:
        return lambda target: emit_copy(
            context.emitter, source, target,
            Rectangle(start[1], target.height, start[2], target.width), (0, 0, 0),
            (step[1], step[2]), start[3] // size, target.blocks,
        )  # fmt: skip
    if not whole:
        return None
    return lambda target: emit_select(
        context.emitter, context.constants, [source], target, identity(0 * channels, channels)
    )
