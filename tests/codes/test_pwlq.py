"""pwlq: sign, region and magnitude; what the three sums of a column make of them."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes import PWLQ
from npusim.codes.pwlq import code_of, magnitude, sign, tail
from npusim.errors import RangeError


@pytest.mark.parametrize("bits", range(2, 9))
def test_pwlq_codes_are_sign_region_and_magnitude(bits):
    codes = set()
    for negative in (0, 1):
        for region in (0, 1):
            for g in range(1 << (bits - 1)):
                code = code_of(negative, region, g, bits)
                found = (sign(code, bits), tail(code, bits), magnitude(code, bits))
                assert found == (negative, region, g)
                codes.add(code)
    assert codes == set(range(1 << PWLQ.stored_bits(bits)))


@pytest.mark.parametrize("bits", range(2, 9))
def test_pwlq_planes_are_the_papers_two_lines(bits):
    """w = +-g s1 in the centre, +-(p + g s2) in the tail, p = n s1."""
    n = (1 << (bits - 1)) - 1
    codes = np.arange(1 << (bits + 1), dtype=PWLQ.dtype(bits))
    first, second, third = PWLQ.decode(codes, bits, forms=3)
    for code in range(1 << (bits + 1)):
        g = code % (n + 1)
        negative = -1 if code >= 2 * (n + 1) else 1
        in_tail = code % (2 * (n + 1)) > n
        expected = (negative * n, negative * g, negative) if in_tail else (negative * g, 0, 0)
        assert (first[code], second[code], third[code]) == expected
        regions = (0, negative * g, negative) if in_tail else (negative * g, 0, 0)
        assert tuple(PWLQ.table(bits)[code]) == regions


def test_minus_zero_and_the_two_codes_of_the_breakpoint_decode():
    first, second = PWLQ.decode(np.array([0b10000, 0b00111, 0b01000], np.uint8), 4)
    assert first.tolist() == [0, 7, 7]
    assert second.tolist() == [0, 0, 0]


def test_a_region_bit_is_stored_beside_the_b_bits():
    assert [PWLQ.stored_bits(bits) for bits in (2, 4, 8)] == [3, 5, 9]
    assert [PWLQ.dtype(bits) for bits in (7, 8)] == ["uint8", "uint16"]
    with pytest.raises(RangeError, match="pwlq codes: expected 5 stored bits, found code 32"):
        PWLQ.decode(np.array([32], np.uint8), 4)
