"""Functions of operands of one place."""

from __future__ import annotations

import numpy as np

from npusim.compiler.context import Context, Lowering
from npusim.compiler.emit.elementwise import Pointwise, emit_elementwise
from npusim.compiler.emit.memory import Stored
from npusim.compiler.emit.moves import emit_select, identity


def pointwise(context: Context, sources: list[Stored], function: Pointwise) -> Lowering:
    """Return how the machine computes a function of operands of one place.

    The one channel of an operand is spread over all lanes first.
    """

    def emit(target: Stored) -> None:
        operands = [_spread(context, source, target.channels) for source in sources]
        emit_elementwise(context.emitter, context.constants, operands, target, function)

    return emit


def _spread(context: Context, source: Stored, channels: int) -> Stored:
    """Return a tensor with `channels` channels, copies of its one if it has fewer."""
    if source.channels == channels:
        return source
    wide = context.scratch(source.pixels, channels, source.unsigned)
    first = np.zeros(channels, np.int64)
    emit_select(context.emitter, context.constants, [source], wide, identity(first, first))
    return wide
