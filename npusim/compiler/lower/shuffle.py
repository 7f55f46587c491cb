"""How the machine permutes the channels of every pixel."""

from __future__ import annotations

from npusim.compiler.context import Context, Lowering
from npusim.compiler.emit.moves import (
    emit_select,
    identity,
)
from npusim.compiler.graph.shuffle import Shuffle


def lower(shuffle: Shuffle, context: Context) -> Lowering:
    """Return how the machine permutes the channels of every pixel."""
    source = context.source(shuffle.source)
    selection = identity(0 * shuffle.channels, shuffle.channels)
    return lambda target: emit_select(
        context.emitter, context.constants, [source], target, selection
    )
