"""One value of each window and channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from npusim import operators as op
from npusim.compiler.context import Context
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.pooling import Pool
from npusim.compiler.lower.kinds.windowed import Windowed
from npusim.graph.network import Network, Node
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
    extreme: Literal["max", "min"] = "max",
) -> Windowed:
    """Return how the machine takes the extremes or sums of windows; arguments as of Pool."""
    source = context.source(node.inputs[0])
    pool = Pool(
        node.name, source, target, window, fill, low, high, finish, context.samples, extreme
    )  # fmt: skip
    return Windowed(context, pool)


def reduced(
    network: Network, node: Node, axes: tuple[int, ...], context: Context
) -> tuple[op.Window, Stored] | None:
    """Return the window that a reduction over rows or columns, or both, is, and its output.

    None where channels or samples are reduced.
    """
    x = network.inputs_of(node)[0]
    rank = len(x.shape)
    if rank not in (3, 4) or not axes or not context.lies_as_is(node.inputs[0]):
        return None
    rows, columns = rank - 3, rank - 2
    spatial = (rows, columns) if rank == 4 else (columns,)
    if not set(axes) <= set(spatial):
        return None
    source = context.source(node.inputs[0])
    height = source.height // context.samples
    kernel = (height if rank == 4 and rows in axes else 1, source.width if columns in axes else 1)
    target = replace(
        context.as_stored(network.output_of(node)),
        height=context.samples * (height // kernel[0]), width=source.width // kernel[1],
    )  # fmt: skip
    return op.Window(kernel), target
