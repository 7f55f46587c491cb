"""weight_decode: the wires of every code multiply by what its page says."""

from __future__ import annotations

from random import Random

import pytest

from npusim.codes import LUT as LUT_CODE
from npusim.codes import PWLQ_DOUBLE as PWLQ_DOUBLE_CODE
from npusim.codes import SUBSET as SUBSET_CODE
from npusim.codes.lut import table
from npusim.codes.subset import PUBLISHED_SUBSETS, UNIVERSAL_MAGNITUDES, selector, selectors
from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.mac_subset import product_subset
from npusim.datapath.mac_uniform import mac_uniform
from npusim.datapath.weight_decode import (
    LUT,
    PWLQ,
    PWLQ_DOUBLE,
    SUBSET,
    UNIFORM,
    UNIT,
    uniform_weight,
    weight_wires,
)

ALL_BUILT_IN = {"uniform_bits": 8, "pwlq_bits": 8}


@pytest.mark.parametrize("magnitude", UNIVERSAL_MAGNITUDES)
def test_a_selector_multiplies_by_its_magnitude(magnitude):
    for xe in range(-255, 256):
        assert product_subset(selector(magnitude), xe) == magnitude * xe


@pytest.mark.parametrize("magnitudes", PUBLISHED_SUBSETS, ids=str)
def test_wires_multiply_by_what_the_code_is_worth(magnitudes):
    bits = len(magnitudes).bit_length()
    (plane,) = SUBSET_CODE.plane_table(bits, magnitudes)
    for code in range(2 * len(magnitudes)):
        wires = weight_wires(code, 1, SUBSET, bits, selectors(magnitudes), (), **ALL_BUILT_IN)
        assert product_subset(wires, 37) == plane[code] * 37


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_wires_of_a_level_multiply_by_it(bits):
    rng = Random(bits)
    for _ in range(50):
        levels = tuple(rng.choice((-128, 127, 0, rng.randint(-128, 127))) for _ in range(1 << bits))
        (plane,) = LUT_CODE.plane_table(bits, levels)
        for code in range(1 << bits):
            above = rng.getrandbits(8) >> bits << bits  # another code's bits
            wires = weight_wires(above | code, 1, LUT, bits, (), table(levels), **ALL_BUILT_IN)
            assert 0 <= wires < 256
            for xe in (-255, 255, rng.randint(-255, 255)):
                assert mac_uniform(uniform_weight(wires, 8), xe, 7) == levels[code] * xe + 7
            assert plane[code] == levels[code]


@pytest.mark.parametrize("multiplier_bits", [6, 7, 8])
def test_wires_of_a_doubled_step_are_the_integer_itself(multiplier_bits):
    build = {"uniform_bits": multiplier_bits, "pwlq_bits": 0}
    for bits in (2, 3, 4):
        (plane,) = PWLQ_DOUBLE_CODE.plane_table(bits)
        for code in range(2 << bits):
            above = 5 << bits + 1  # bits of the next codes
            wires = weight_wires(above | code, 1, PWLQ_DOUBLE, bits, (), (), **build)
            assert uniform_weight(wires, multiplier_bits) == plane[code]


@pytest.mark.parametrize("weight_format", [UNIFORM, SUBSET, PWLQ, LUT, PWLQ_DOUBLE])
def test_a_masked_weight_multiplies_to_zero(weight_format):
    rng = Random(3)
    lanes = selectors(PUBLISHED_SUBSETS[0])
    for _ in range(100):
        wires = weight_wires(
            rng.getrandbits(4), 0, weight_format, 4, lanes, (-128,) * 16, **ALL_BUILT_IN
        )
        if weight_format == SUBSET:
            assert product_subset(wires, rng.randint(-255, 255)) == 0
        else:
            assert wires == 0


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)
