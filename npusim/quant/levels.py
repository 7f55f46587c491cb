"""Which real values the weights of a channel can take: a scheme's grid, for people to look at."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from npusim.codes.schemes import code_of
from npusim.quant.coded import CodedWeights, planes_of_codes


def levels(coded: CodedWeights, channel: int) -> NDArray[np.float64]:
    """Return, ascending, the distinct values that codes of output channel `channel` stand for."""
    code = code_of(coded.scheme)
    codes = np.arange(1 << code.stored_bits(coded.bits), dtype=code.dtype(coded.bits))
    forms, planes = coded.forms, planes_of_codes(coded, codes)
    singles = []
    for point in range(int(coded.points[channel])):
        scales = coded.scales[point * forms : (point + 1) * forms, channel]
        values = sum((s * plane for s, plane in zip(scales, planes, strict=True)), np.zeros(1))
        singles.append(np.unique(values))
    sums = [sum(values) for values in product(*singles)]
    return np.unique(np.array(sums, np.float64) + coded.offset[channel])
