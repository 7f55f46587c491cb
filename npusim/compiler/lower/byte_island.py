"""How the machine computes float operators that map byte to byte."""

from __future__ import annotations

from npusim.compiler.context import Context, Lowering
from npusim.compiler.graph.byte_islands import ByteIsland
from npusim.compiler.lower.kinds.pointwise import pointwise


def lower(island: ByteIsland, context: Context) -> Lowering:
    """Return how the vector unit looks the bytes up."""
    return pointwise(context, [context.source(island.source)], island.table)
