"""How the machine computes ResizeNearest: see npusim/operators/resize_nearest.py."""

from __future__ import annotations

from npusim import operators as op
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.resample import emit_resample, progressions
from npusim.graph.network import Network, Node
from npusim.graph.tensor import same_quantization
from npusim.operators.resize_nearest import Places

WHEN = "rows and columns repeated or left out regularly"


def lower(network: Network, node: Node, c: Places | None, context: Context) -> Lowering | None:
    """Return how pixels are repeated or left out by addresses; None where the host has to."""
    assert isinstance(node.operator, op.ResizeNearest)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if (
        c is None
        or x.shape[0] != 1
        or not all_bytes(x, y)
        or x.dtype != y.dtype
        or not same_quantization(x, y)
    ):
        return None
    rows, columns = (progressions(places) for places in c)
    if rows is None or columns is None or not context.lies_as_is(node.inputs[0]):
        return None
    source = context.source(node.inputs[0])
    bank = context.machine.scratchpads.act_bank_words
    if max(x.shape[2], y.shape[2]) > bank:
        return None
    return lambda target: emit_resample(context.emitter, source, target, rows, columns)
