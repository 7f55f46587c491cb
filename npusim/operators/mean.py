"""mean: the mean over axes."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.reduce import Reduce


@dataclass(frozen=True)
class Mean(Reduce):
    """Mean over `axes` (canonical), kept as extent 1 with `keep_dims`."""
