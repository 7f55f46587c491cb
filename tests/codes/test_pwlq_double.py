"""pwlq_double: a weight is the integer that pwlq's three sums add up to where s2 = 2 * s1."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes import PWLQ, PWLQ_DOUBLE
from npusim.codes.pwlq_double import WEIGHT_BITS
from npusim.errors import RangeError
from npusim.machines import Machine


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_it_is_pwlq_with_the_tail_s_multiplier_doubled(bits: int) -> None:
    codes = np.arange(2 << bits, dtype=np.uint8)
    (whole,) = PWLQ_DOUBLE.decode(codes, bits)
    centre, tail = PWLQ.decode(codes, bits)
    np.testing.assert_array_equal(whole, centre + 2 * tail)
    n = 2 ** (bits - 1) - 1
    assert {*abs(whole).tolist()} == {*range(n + 1), *range(n, 3 * n + 1, 2)}
    assert PWLQ_DOUBLE.stored_bits(bits) == bits + 1 == PWLQ.stored_bits(bits)


def test_its_integers_fill_the_bits_that_the_multiplier_must_have() -> None:
    (whole,) = PWLQ_DOUBLE.decode(np.arange(32, dtype=np.uint8), 4)
    assert whole.max() == 21 == -whole.min()
    assert 2 ** (WEIGHT_BITS - 2) <= whole.max() < 2 ** (WEIGHT_BITS - 1)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_zero_has_two_codes(bits: int) -> None:
    (whole,) = PWLQ_DOUBLE.decode(np.arange(2 << bits, dtype=np.uint8), bits)
    assert np.flatnonzero(whole == 0).tolist() == [0, 1 << bits]


def test_it_is_built_in_beside_a_multiplier_that_is_wide_enough() -> None:
    base = Machine.load("base")
    assert base.most_bits(PWLQ_DOUBLE) == 0
    for multiplier in ("uniform8", "uniform6"):
        built = base.with_({"array.formats": [multiplier, "pwlq_double"]})
        assert (built.most_bits(PWLQ_DOUBLE), built.parameters["PWLQ_DOUBLE"]) == (4, 1)
        assert built.acc_regions == 1
    for formats in (["pwlq_double"], ["uniform4", "subset", "pwlq_double"]):
        with pytest.raises(RangeError, match="the multiplier of uniform8 or uniform6, found"):
            base.with_({"array.formats": formats})
