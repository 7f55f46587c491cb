"""subset: sign and index, the universal set, and the two selectors of a magnitude."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes import SUBSET
from npusim.codes.subset import (
    PUBLISHED_SUBSETS,
    UNIVERSAL_MAGNITUDES,
    code_of,
    index,
    selector,
    sign,
)
from npusim.errors import RangeError


@pytest.mark.parametrize("bits", range(2, 5))
def test_subset_codes_are_sign_and_index(bits):
    codes = set()
    for negative in (0, 1):
        for place in range(1 << (bits - 1)):
            code = code_of(negative, place, bits)
            assert (sign(code, bits), index(code, bits)) == (negative, place)
            codes.add(code)
    assert codes == set(range(1 << bits))


def test_the_universal_set_is_the_papers():
    assert UNIVERSAL_MAGNITUDES == (0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 17, 18, 20, 24, 32)


def test_sixteen_is_sixteen_and_nothing():
    assert selector(16) == 0b0011


def test_a_magnitude_beyond_the_universal_set_is_refused():
    with pytest.raises(RangeError, match=r"expected one of 0, 1, 2, .*, found 5"):
        selector(5)


@pytest.mark.parametrize("magnitudes", PUBLISHED_SUBSETS, ids=str)
def test_codes_are_worth_the_published_magnitudes(magnitudes):
    bits = len(magnitudes).bit_length()
    (plane,) = SUBSET.decode(np.arange(1 << bits, dtype=np.uint8), bits, magnitudes)
    assert plane.tolist() == [*magnitudes, *(-m for m in magnitudes)]
    assert SUBSET.has_zero(bits, magnitudes) == (0 in magnitudes)


@pytest.mark.parametrize("magnitudes", PUBLISHED_SUBSETS, ids=str)
def test_the_register_of_selectors_is_read_as_it_was_written(magnitudes):
    (word,) = SUBSET.level_words(magnitudes)
    assert 0 <= word < 1 << 32
    assert SUBSET.levels_of_words([word]) == magnitudes + (0,) * (8 - len(magnitudes))


def test_minus_zero_decodes():
    (plane,) = SUBSET.decode(np.array([0b10], np.uint8), 2, (0, 9))
    assert plane.tolist() == [0]


def test_other_than_two_to_the_b_minus_one_magnitudes_are_refused():
    with pytest.raises(RangeError, match="subset magnitudes: expected 8 at 4 bits, found 4"):
        SUBSET.decode(np.array([3], np.uint8), 4, (1, 2, 3, 4))


def test_its_parameter_says_whether_it_is_built_in():
    assert (SUBSET.built(("subset",)), SUBSET.built(("uniform8",))) == (1, 0)
    found = [
        SUBSET.most_bits({"UNIFORM_BITS": 8, "SUBSET": flag, "PWLQ_BITS": 4}) for flag in (0, 1)
    ]
    assert found == [0, 4]
