"""accumulate: clear, add, wrap."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.accumulate import UNIT, accumulate, accumulate_all, vectors


def test_it_is_int32_addition():
    for values in vectors(Random(1), 5_000, 20):
        before = 0 if values["clear"] else values["acc"]
        wide = np.array([before], np.int64) + values["sum"]
        assert accumulate(**values) == int(wide.astype(np.int32)[0])


@pytest.mark.parametrize("clear", [0, 1])
def test_the_kernel_is_the_scalar(clear):
    rows = list(vectors(Random(2), 3_000, 20))
    acc = np.array([row["acc"] for row in rows], np.int32)
    accumulate_all(np.array([row["sum"] for row in rows], np.int64), clear, acc)
    assert acc.tolist() == [accumulate(row["sum"], row["acc"], clear) for row in rows]


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)
