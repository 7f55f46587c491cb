"""One value of each window and channel."""

from __future__ import annotations

from collections.abc import Callable

from npusim import operators as op
from npusim.compiler.context import Context, Lowering
from npusim.compiler.emit.pooling import Pool, emit_pool
from npusim.graph.network import Node
from npusim.runtimes.requantization import Requantization


def pooled(
    context: Context,
    node: Node,
    window: op.Window,
    fill: int,
    low: int,
    high: int,
    finish: Callable[[int], Requantization] | None,
) -> Lowering:
    """Return how the machine takes the maxima or sums of windows; arguments as of Pool."""
    source = context.source(node.inputs[0])
    return lambda place: emit_pool(
        context.emitter,
        context.constants,
        Pool(node.name, source, place, window, fill, low, high, finish),
    )
