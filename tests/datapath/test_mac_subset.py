"""mac_subset: every code of every published subset against plain multiplication."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.codes import SUBSET as SUBSET_CODE
from npusim.codes.subset import PUBLISHED_SUBSETS, selectors
from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.mac_subset import UNIT, dot_subset, mac_subset, product_subset
from npusim.datapath.weight_decode import SUBSET, weight_wires
from tests.datapath.witnesses import verify_against

WORDS_A, WORDS_B = (16, 8, 2, 0), (16, 4, 1, 0)


def wires_of(code: int, bits: int, magnitudes) -> int:
    return weight_wires(code, 1, SUBSET, bits, selectors(magnitudes), (), 0, 0)


def test_every_pair_of_selectors_and_operand_is_a_multiplication():
    for sign in (0, 1):
        for a in range(4):
            for b in range(4):
                weight = (WORDS_A[a] + WORDS_B[b]) * (-1 if sign else 1)
                for xe in range(-255, 256):
                    assert product_subset(sign << 4 | a << 2 | b, xe) == weight * xe


@pytest.mark.parametrize("magnitudes", PUBLISHED_SUBSETS, ids=str)
def test_every_code_times_every_operand(magnitudes):
    bits = len(magnitudes).bit_length()
    codes = np.arange(1 << bits, dtype=np.uint8)
    (plane,) = SUBSET_CODE.decode(codes, bits, magnitudes)
    for code, weight in enumerate(plane.tolist()):
        wires = wires_of(code, bits, magnitudes)
        for xe in range(-255, 256):
            assert product_subset(wires, xe) == weight * xe


@pytest.mark.parametrize("magnitudes", PUBLISHED_SUBSETS, ids=str)
def test_the_kernel_is_the_scalar_and_the_decoded_dot_product(magnitudes):
    bits, k = len(magnitudes).bit_length(), 577
    rng = np.random.default_rng(bits)
    codes = rng.integers(0, 1 << bits, k, np.uint8)
    operands = rng.integers(-255, 256, k, np.int16)
    wires = np.array([wires_of(int(code), bits, magnitudes) for code in codes], np.int16)
    (plane,) = SUBSET_CODE.decode(codes, bits, magnitudes)
    acc = 99
    for weight, xe in zip(wires.tolist(), operands.tolist(), strict=True):
        acc = mac_subset(weight, xe, acc)
    assert dot_subset(wires, operands, 99) == acc
    assert acc == 99 + int(plane.astype(np.int64) @ operands.astype(np.int64))


def test_a_lane_without_a_zero_weight_is_masked_by_its_operand():
    smallest = min(PUBLISHED_SUBSETS[0])
    assert smallest == 1
    rng = Random(4)
    for _ in range(200):
        assert product_subset(rng.getrandbits(5), 0) == 0


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_is_multiplication_for_every_code_of_every_published_subset(icarus):
    def multiply(weight, xe, acc):
        magnitude = WORDS_A[weight >> 2 & 3] + WORDS_B[weight & 3]
        return acc + (-magnitude if weight >> 4 else magnitude) * xe

    def every_code(rng, count):
        for magnitudes in PUBLISHED_SUBSETS:
            bits = len(magnitudes).bit_length()
            for code in range(1 << bits):
                for xe in range(-255, 256):
                    yield {"weight": wires_of(code, bits, magnitudes), "xe": xe, "acc": -xe}

    verify_against(UNIT, multiply, vectors=every_code)
