"""subtract_zero_point: the whole space of bytes and zero points of both types."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.subtract_zero_point import UNIT, operands, subtract_zero_point

TYPES = ((0, np.int8), (1, np.uint8))


@pytest.mark.parametrize(("unsigned_type", "dtype"), TYPES)
def test_every_byte_and_zero_point_is_numpys_difference(unsigned_type, dtype):
    data = np.arange(256, dtype=np.uint8)
    values = data.view(dtype).astype(int)
    limits = np.iinfo(dtype)
    for zero_point in range(limits.min, limits.max + 1):
        found = [subtract_zero_point(x, zero_point, unsigned_type, 1) for x in data.tolist()]
        assert found == (values - zero_point).tolist()
        assert -255 <= min(found) <= max(found) <= 255


def test_a_masked_lane_is_zero():
    for x in range(256):
        assert subtract_zero_point(x, -128, 0, 0) == 0


@pytest.mark.parametrize(("unsigned_type", "dtype"), TYPES)
def test_the_kernel_is_the_scalar(unsigned_type, dtype):
    data = np.arange(256, dtype=np.int16)
    for zero_point in (np.iinfo(dtype).min, 3, np.iinfo(dtype).max):
        xe = np.empty(256, np.int16)
        operands(data, zero_point, unsigned_type, xe)
        expected = [subtract_zero_point(x, zero_point, unsigned_type, 1) for x in range(256)]
        assert xe.tolist() == expected


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)
