"""Layers and pools: lowerings that read tensors where they lie in ACT."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.compiler.context import Context
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.pooling import Pool, emit_pool
from npusim.compiler.linear.layer import LinearLayer
from npusim.compiler.linear.linear import emit_linear


@dataclass(frozen=True, eq=False)
class Windowed:
    """How the machine computes a layer of weights, or sums and maxima of windows."""

    context: Context
    work: LinearLayer | Pool

    def __call__(self, place: Stored) -> None:
        """Emit it; `work` has said where it writes."""
        emitter, constants = self.context.emitter, self.context.constants
        if isinstance(self.work, LinearLayer):
            emit_linear(emitter, constants, self.work)
        else:
            emit_pool(emitter, constants, self.work)

    @property
    def layer(self) -> LinearLayer | None:
        """The layer of weights; None for a pool."""
        return self.work if isinstance(self.work, LinearLayer) else None
