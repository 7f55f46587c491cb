"""uniform: two's complement of b bits, there and back."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes import UNIFORM
from npusim.codes.uniform import code_of, weight
from npusim.errors import RangeError


@pytest.mark.parametrize("bits", range(2, 9))
def test_uniform_codes_are_twos_complement(bits):
    for value in range(-(1 << (bits - 1)), 1 << (bits - 1)):
        code = code_of(value, bits)
        assert code == int.from_bytes(value.to_bytes(1, signed=True)) & ((1 << bits) - 1)
        assert weight(code, bits) == value
        assert UNIFORM.table(bits)[code].tolist() == [value, 0, 0]


def test_planes_keep_the_codes_shape():
    codes = np.arange(16, dtype=np.uint8).reshape(2, 2, 4)
    (plane,) = UNIFORM.decode(codes, 4)
    assert plane.dtype == np.int16
    assert plane.tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7]], [[-8, -7, -6, -5], [-4, -3, -2, -1]]]


def test_what_does_not_fit_is_refused():
    with pytest.raises(RangeError, match="uniform codes: expected 4 stored bits, found code 16"):
        UNIFORM.decode(np.array([16], np.uint8), 4)
    with pytest.raises(RangeError, match=r"uniform weight: expected -8\.\.7, found 8"):
        code_of(8, 4)


@pytest.mark.parametrize(
    ("elements", "most"), [(("uniform8", "uniform4"), 8), (("uniform4", "pwlq"), 4), (("pwlq",), 0)]
)
def test_the_widest_element_bounds_the_bits(elements, most):
    assert UNIFORM.built(elements) == most
    assert UNIFORM.most_bits({"UNIFORM_BITS": most, "SUBSET": 1, "PWLQ_BITS": 5}) == most


def test_four_bits_run_on_the_narrow_element():
    names = [UNIFORM.element(bits) for bits in (2, 4, 5, 6, 7, 8)]
    assert names == ["uniform4"] * 2 + ["uniform6"] * 2 + ["uniform8"] * 2
