"""Functions of operands of one place."""

from __future__ import annotations

from npusim.compiler.context import Context, Lowering
from npusim.compiler.emit.elementwise import Pointwise, emit_elementwise
from npusim.compiler.emit.memory import Stored


def pointwise(context: Context, sources: list[Stored], function: Pointwise) -> Lowering:
    """Return how the machine computes a function of operands of one place."""
    return lambda place: emit_elementwise(
        context.emitter, context.constants, sources, place, function
    )
