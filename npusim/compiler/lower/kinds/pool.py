"""One value of each window and channel."""

from __future__ import annotations

from collections.abc import Callable

from npusim import operators as op
from npusim.compiler.context import Context
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.pooling import Pool
from npusim.compiler.lower.kinds.windowed import Windowed
from npusim.graph.network import Node
from npusim.runtimes.requantization import Requantization


def pooled(
    context: Context,
    node: Node,
    target: Stored,
    window: op.Window,
    fill: int,
    low: int,
    high: int,
    finish: Callable[[int], Requantization] | None,
) -> Windowed:
    """Return how the machine takes the maxima or sums of windows; arguments as of Pool."""
    source = context.source(node.inputs[0])
    pool = Pool(
        node.name, source, target, window, fill, low, high, finish, context.samples
    )  # fmt: skip
    return Windowed(context, pool)
