"""Movement of data: every output element is one of the input's, as it is, or a constant."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.graph.operator import Operator


@dataclass(frozen=True)
class Movement(Operator):
    """One input whose elements go to other places."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    @property
    def copies_values(self) -> bool:
        return True
