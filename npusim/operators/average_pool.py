"""average_pool: the mean over each window, [N IH IW C] -> [N OH OW C]."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.operators.kinds.pool import Pool


@dataclass(frozen=True)
class AveragePool(Pool):
    """Mean over each window; taps outside the image count only with `count_padding`."""

    count_padding: bool = False
