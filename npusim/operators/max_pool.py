"""max_pool: the greatest value in each window, [N IH IW C] -> [N OH OW C]."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.pool import Pool


@dataclass(frozen=True)
class MaxPool(Pool):
    """Maximum over the window's taps inside the image."""

    @property
    def copies_values(self) -> bool:
        return True
