"""mac_uniform: the whole space of one operand, the wrap, and the dot product."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.mac_uniform import UNIT, directed, dot_uniform, mac_uniform, vectors, wrap_acc


def test_the_accumulator_wraps_as_int32_does():
    rng = Random(1)
    for _ in range(2_000):
        value = rng.randint(-(1 << 40), 1 << 40)
        assert wrap_acc(value) == int(np.array(value, np.int64).astype(np.int32))


def test_every_int8_weight_times_every_operand():
    for weight in range(-128, 128):
        for xe in range(-255, 256):
            assert mac_uniform(weight, xe, 0) == weight * xe


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_products_stay_below_the_accumulators_ends(bits):
    for values in directed(bits):
        assert mac_uniform(**values) == values["acc"] + values["weight"] * values["xe"]


@pytest.mark.parametrize("k", [1, 9, 576, 4608, 25088])
def test_the_kernel_is_the_scalar_and_numpys_dot_product(k):
    rng = np.random.default_rng(k)
    weights = rng.integers(-128, 128, k, np.int16)
    operands = rng.integers(-255, 256, k, np.int16)
    acc = -12345
    expected = acc
    for weight, xe in zip(weights.tolist(), operands.tolist(), strict=True):
        expected = mac_uniform(weight, xe, expected)
    assert dot_uniform(weights, operands, acc) == expected
    assert expected == acc + int(weights.astype(np.int64) @ operands.astype(np.int64))


def test_the_kernel_wraps_where_the_scalar_wraps():
    for values in vectors(Random(2), 2_000, 8):
        weights = np.array([values["weight"]], np.int16)
        operands = np.array([values["xe"]], np.int16)
        assert dot_uniform(weights, operands, values["acc"]) == mac_uniform(**values)


def test_longest_reduction_at_the_corner_fits():
    """K = 25088 (VGG's first dense layer) of -128 * -255 is below 2^31."""
    weights, operands = np.full(25088, -128, np.int16), np.full(25088, -255, np.int16)
    assert dot_uniform(weights, operands, 0) == 25088 * 128 * 255 < 1 << 31


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)
