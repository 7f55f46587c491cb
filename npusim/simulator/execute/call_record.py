"""Records of integers: what one instruction needs to know, by name, in Python and in kernels.

A kernel takes the records of all instructions of one name and a place among them; an entry takes
the address of one. Both read `o.field`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from npusim.isa.nest import Column

Records = NDArray[np.void]
Call = tuple[int, int, int, int, int, int]
"""A row of a table of calls (kernels/entry.py): entry, two arrays, record; first and end are 0."""


def record(*names: str, before: np.dtype | None = None) -> np.dtype:
    """Return the type of a record of int64; those of `before` come first."""
    inherited = before.names or () if before is not None else ()
    return np.dtype([(name, np.int64) for name in (*inherited, *names)])


def records(kind: np.dtype, columns: Mapping[str, Column | int], count: int) -> Records:
    """Return `count` records; fields that are no key of `columns` are 0."""
    found = np.zeros(count, kind)
    for name, column in columns.items():
        found[name] = column
    return found


def address_of(rows: Records, i: int) -> int:
    """Return the address of record `i`, which `rows` keeps alive."""
    return int(rows.ctypes.data + i * rows.itemsize)
