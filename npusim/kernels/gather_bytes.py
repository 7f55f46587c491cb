"""Bytes moved by a map, as a call in a table (entry.py)."""

from __future__ import annotations

import numpy as np

from npusim.datapath.jit import entry
from npusim.kernels.entry import array_at


@entry
def gather_bytes(x, y, index, first, end):
    """Fill bytes first .. end - 1 at address y with those of address x at int32 `index`."""
    places, to = array_at(index, end, np.int32), array_at(y, end, np.uint8)
    for i in range(np.uintp(first), np.uintp(end)):
        to[i] = array_at(x + places[i], 1, np.uint8)[0]
    return 1
