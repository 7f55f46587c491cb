"""Entries are called by address, in the order of the table, and one that fails is no result."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.datapath.jit import entry
from npusim.kernels.entry import ROW_WORDS, array_at, call, make_calls


@entry
def add_first_and_count(x, y, description, first, end):  # type: ignore[no-untyped-def]
    """Put x + first into y, and how many calls there were; end is what it returns."""
    target, calls = array_at(y, 1, np.int64), array_at(description, 1, np.int64)
    target[0] = array_at(x, 1, np.int64)[0] + first
    calls[0] += 1
    return end


def test_a_walk_makes_its_calls_in_order_until_one_fails() -> None:
    a, b, calls = (np.array([value]) for value in (5, 0, 0))
    function = add_first_and_count()
    x, y, count = (array.ctypes.data for array in (a, b, calls))
    table = np.array(
        [
            [function.address, x, y, count, 10, 1],
            [function.address, y, x, count, 100, 1],
            [function.address, x, y, count, 1000, 0],
            [function.address, y, x, count, 1, 1],
        ]
    )
    assert table.shape[1] == ROW_WORDS
    make_calls(table[:2])
    assert (a[0], b[0], calls[0]) == (115, 15, 2)
    with pytest.raises(MemoryError):
        make_calls(table)
    assert calls[0] == 5
    with pytest.raises(MemoryError):
        call(function.address, a, b, calls, 1, 0)
