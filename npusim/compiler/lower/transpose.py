"""How the machine computes Transpose: see npusim/operators/transpose.py."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import emit_swap
from npusim.compiler.emit.turns import Matrices, emit_turn, may_turn
from npusim.compiler.lower.kinds.rearranged import lower_rearrangement
from npusim.graph.network import Network, Node

WHEN = "nothing moves where the host lays an input out; the host where it is quicker"

ROWS_AND_COLUMNS = (0, 2, 1, 3)
COLUMNS_TO_CHANNELS = (0, 1, 3, 2)
BOTH = (0, 2, 3, 1)
"""Rows and columns change places, then columns and channels."""


def lower(network: Network, node: Node, c: None, context: Context) -> Lowering | None:
    """Return how values move; None where the host has to, or is quicker."""
    found = _by_turns(network, node, context)
    return lower_rearrangement(network, node, c, context) if found is None else found


def _by_turns(network: Network, node: Node, context: Context) -> Lowering | None:
    """Return how pixels move by LD's addresses, or to channels by the array; None for the host."""
    operator = node.operator
    assert isinstance(operator, op.Transpose)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if len(x.shape) not in (3, 4) or not all_bytes(x, y) or x.dtype != y.dtype:
        return None
    lead = 4 - len(x.shape)
    order = (*range(lead), *(axis + lead for axis in operator.order))
    shape = (*(1,) * lead, *x.shape)
    if shape[0] != 1 or not context.lies_as_is(node.inputs[0]):
        return None
    source = context.source(node.inputs[0])
    if order == ROWS_AND_COLUMNS:
        return lambda target: emit_swap(context.emitter, source, target)
    if order not in (COLUMNS_TO_CHANNELS, BOTH):
        return None
    if not may_turn(context.machine):
        return None
    count, rows = shape[1:3] if order == COLUMNS_TO_CHANNELS else (shape[2], shape[1])
    matrices = Matrices(count, rows, shape[3])

    def turn(place: Stored) -> None:
        pixels = source
        if order == BOTH:
            pixels = context.scratch(prod(shape[1:3]), shape[3], source.unsigned)
            swapped = replace(pixels, height=shape[2], width=shape[1])
            emit_swap(context.emitter, source, swapped)
        flat, target = (replace(s, height=1, width=s.pixels) for s in (pixels, place))
        emit_turn(context.emitter, context.constants, flat, target, matrices)

    return turn
