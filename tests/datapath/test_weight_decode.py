"""weight_decode: every code of every format, its fields, its integer planes and its wires."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.mac_subset import product_subset
from npusim.datapath.weight_decode import (
    PUBLISHED_SUBSETS,
    PWLQ,
    SUBSET,
    UNIFORM,
    UNIT,
    UNIVERSAL_MAGNITUDES,
    decode_planes,
    pwlq_code,
    pwlq_magnitude,
    pwlq_sign,
    pwlq_tail,
    subset_code,
    subset_index,
    subset_selector,
    subset_selectors,
    subset_sign,
    uniform_code,
    uniform_weight,
    weight_wires,
)
from npusim.errors import RangeError

ALL_BUILT_IN = {"uniform_bits": 8, "pwlq_bits": 8}


@pytest.mark.parametrize("bits", range(2, 9))
def test_uniform_codes_are_twos_complement(bits):
    for weight in range(-(1 << (bits - 1)), 1 << (bits - 1)):
        code = uniform_code(weight, bits)
        assert code == int.from_bytes(weight.to_bytes(1, signed=True)) & ((1 << bits) - 1)
        assert uniform_weight(code, bits) == weight


@pytest.mark.parametrize("bits", range(2, 5))
def test_subset_codes_are_sign_and_index(bits):
    codes = set()
    for sign in (0, 1):
        for index in range(1 << (bits - 1)):
            code = subset_code(sign, index, bits)
            assert (subset_sign(code, bits), subset_index(code, bits)) == (sign, index)
            codes.add(code)
    assert codes == set(range(1 << bits))


@pytest.mark.parametrize("bits", range(2, 9))
def test_pwlq_codes_are_sign_region_and_magnitude(bits):
    codes = set()
    for sign in (0, 1):
        for tail in (0, 1):
            for g in range(1 << (bits - 1)):
                code = pwlq_code(sign, tail, g, bits)
                found = (pwlq_sign(code, bits), pwlq_tail(code, bits), pwlq_magnitude(code, bits))
                assert found == (sign, tail, g)
                codes.add(code)
    assert codes == set(range(1 << (bits + 1)))


def test_the_universal_set_is_the_papers():
    assert UNIVERSAL_MAGNITUDES == (0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 17, 18, 20, 24, 32)


@pytest.mark.parametrize("magnitude", UNIVERSAL_MAGNITUDES)
def test_a_selector_multiplies_by_its_magnitude(magnitude):
    for xe in range(-255, 256):
        assert product_subset(subset_selector(magnitude), xe) == magnitude * xe


def test_sixteen_is_sixteen_and_nothing():
    assert subset_selector(16) == 0b0011


def test_a_magnitude_beyond_the_universal_set_is_refused():
    with pytest.raises(RangeError, match=r"expected one of 0, 1, 2, .*, found 5"):
        subset_selector(5)


@pytest.mark.parametrize("magnitudes", PUBLISHED_SUBSETS, ids=str)
def test_subset_planes_and_wires_of_the_published_vectors(magnitudes):
    bits = len(magnitudes).bit_length()
    codes = np.arange(1 << bits, dtype=np.uint8)
    (plane,) = decode_planes("subset", bits, codes, np.array(magnitudes))
    half = len(magnitudes)
    assert plane.tolist() == [*magnitudes, *(-m for m in magnitudes)]
    selectors = subset_selectors(magnitudes)
    for code in range(2 * half):
        wires = weight_wires(code, 1, SUBSET, bits, selectors, **ALL_BUILT_IN)
        assert product_subset(wires, 37) == plane[code] * 37


@pytest.mark.parametrize("bits", range(2, 9))
def test_pwlq_planes_are_the_papers_two_lines(bits):
    """w = +-g s1 in the centre, +-(p + g s2) in the tail, p = n s1."""
    n = (1 << (bits - 1)) - 1
    codes = np.arange(1 << (bits + 1), dtype=np.uint16)
    first, second = decode_planes("pwlq", bits, codes)
    for code in range(1 << (bits + 1)):
        g = code % (n + 1)
        sign = -1 if code >= 2 * (n + 1) else 1
        in_tail = code % (2 * (n + 1)) > n
        expected = (sign * n, sign * g) if in_tail else (sign * g, 0)
        assert (first[code], second[code]) == expected


def test_minus_zero_and_the_two_codes_of_the_breakpoint_decode():
    first, second = decode_planes("pwlq", 4, np.array([0b10000, 0b00111, 0b01000], np.uint8))
    assert first.tolist() == [0, 7, 7]
    assert second.tolist() == [0, 0, 0]
    (plane,) = decode_planes("subset", 2, np.array([0b10], np.uint8), np.array([0, 9]))
    assert plane.tolist() == [0]


@pytest.mark.parametrize("scheme", ["uniform", "wes", "multipoint"])
def test_planes_keep_the_codes_shape(scheme):
    codes = np.arange(16, dtype=np.uint8).reshape(2, 2, 4)
    (plane,) = decode_planes(scheme, 4, codes)
    assert plane.dtype == np.int16
    assert plane.tolist() == [[[0, 1, 2, 3], [4, 5, 6, 7]], [[-8, -7, -6, -5], [-4, -3, -2, -1]]]


def test_codes_and_magnitudes_that_do_not_fit_are_refused():
    with pytest.raises(RangeError, match="uniform codes: expected 4 stored bits, found code 16"):
        decode_planes("uniform", 4, np.array([16], np.uint8))
    with pytest.raises(RangeError, match="pwlq codes: expected 5 stored bits, found code 32"):
        decode_planes("pwlq", 4, np.array([32], np.uint8))
    with pytest.raises(RangeError, match="subset magnitudes: expected 8 at 4 bits, found 4"):
        decode_planes("subset", 4, np.array([3], np.uint8), np.array([1, 2, 3, 4]))
    with pytest.raises(RangeError, match=r"uniform weight: expected -8\.\.7, found 8"):
        uniform_code(8, 4)


@pytest.mark.parametrize("weight_format", [UNIFORM, SUBSET, PWLQ])
def test_a_masked_weight_multiplies_to_zero(weight_format):
    rng = Random(3)
    selectors = subset_selectors(PUBLISHED_SUBSETS[0])
    for _ in range(100):
        wires = weight_wires(rng.getrandbits(4), 0, weight_format, 4, selectors, **ALL_BUILT_IN)
        if weight_format == SUBSET:
            assert product_subset(wires, rng.randint(-255, 255)) == 0
        else:
            assert wires == 0


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)
