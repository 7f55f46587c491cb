"""One value of each window and channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from npusim import operators as op
from npusim.compiler.context import Context
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.pooling import Pool, emit_pool
from npusim.graph.network import Node
from npusim.runtimes.requantization import Requantization


@dataclass(frozen=True, eq=False)
class PoolLowering:
    """How the vector unit takes the maxima or sums of windows."""

    context: Context
    pool: Pool

    def to(self, place: Stored) -> PoolLowering:
        """Return the same windows with their values at `place`."""
        target = replace(self.pool.target, name=place.name, spot=place.spot)
        return replace(self, pool=replace(self.pool, target=target))

    def __call__(self, place: Stored) -> None:
        """Emit all windows."""
        emit_pool(self.context.emitter, self.context.constants, self.to(place).pool)


def pooled(
    context: Context,
    node: Node,
    target: Stored,
    window: op.Window,
    fill: int,
    low: int,
    high: int,
    finish: Callable[[int], Requantization] | None,
) -> PoolLowering:
    """Return how the machine takes the maxima or sums of windows; arguments as of Pool."""
    source = context.source(node.inputs[0])
    return PoolLowering(context, Pool(node.name, source, target, window, fill, low, high, finish))
