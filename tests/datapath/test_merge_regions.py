"""merge_regions: n times the tail's operand sum, by shift and subtract."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.mac_uniform import wrap_acc
from npusim.datapath.merge_regions import UNIT, merge_all, merge_regions, vectors
from tests.datapath.witnesses import verify_against


def multiplied(acc_centre: int, acc_tail_sum: int, bits: int) -> int:
    """Return the definition: the breakpoint is n steps of the centre."""
    return wrap_acc(acc_centre + (2 ** (bits - 1) - 1) * acc_tail_sum)


def test_shift_and_subtract_is_the_multiplication_by_n():
    for values in vectors(Random(1), 5_000):
        assert merge_regions(**values) == multiplied(**values)


def test_the_kernel_is_the_scalar():
    rows = list(vectors(Random(3), 3_000))
    for bits in range(2, 9):
        centre = np.array([row["acc_centre"] for row in rows], np.int32)
        tail_sum = np.array([row["acc_tail_sum"] for row in rows], np.int32)
        merged = np.empty(len(rows), np.int32)
        merge_all(centre, tail_sum, bits, merged)
        expected = [merge_regions(row["acc_centre"], row["acc_tail_sum"], bits) for row in rows]
        assert merged.tolist() == expected


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_is_the_multiplication_by_n(icarus):
    verify_against(UNIT, multiplied)
