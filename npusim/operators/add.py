"""add: a + b with their own scales, shapes broadcast."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.graph.attributes import Clamp
from npusim.operators.kinds.binary import Binary


@dataclass(frozen=True)
class Add(Binary):
    """a + b with their own scales, shapes broadcast."""

    activation: Clamp | None = None
