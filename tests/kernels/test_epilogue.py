"""Every vector form of requantization equals the scalars: at ties, at ends, in partial blocks."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.kernels import linear_plain
from npusim.kernels.entry import make_calls
from npusim.kernels.epilogue import LANES
from npusim.kernels.epilogue_entry import ENTRIES, Epilogue
from npusim.kernels.epilogue_high import (
    BIAS_BOUND,
    LEAST_SHIFT,
    MOST_SHIFT,
    starting_bias,
)
from npusim.runtimes.requantization import MAX_SHIFT_BITS, FloatRequantization, Requantization
from npusim.words import ROUNDINGS

CASES = 300
EXTREMES = (-(1 << 31), (1 << 31) - 1, -1, 0, 1)


def random_sums(rng: np.random.Generator, terms: int, pixels: int, channels: int) -> np.ndarray:
    """Return int32 [J P OC]: of every magnitude, with the ends of the type among them."""
    bits = rng.integers(1, 32, (terms, pixels, channels))
    sums = rng.integers(-(1 << 31), 1 << 31, bits.shape) >> (32 - bits)
    return np.where(rng.random(bits.shape) < 0.1, rng.choice(EXTREMES, bits.shape), sums)


def vector(rule: Requantization | FloatRequantization, sums: np.ndarray) -> np.ndarray:
    """Return y [P OC] of `sums` by the entry that suits `rule`."""
    terms, pixels, channels = sums.shape
    padded = -(-channels // LANES) * LANES
    laid = np.zeros((pixels, terms, padded), np.int32)
    laid[:, :, :channels] = sums.swapaxes(0, 1)
    epilogue = Epilogue(rule, 1)
    entry, description = epilogue.addresses
    y = np.full(pixels * channels + 1, 77, np.int8 if rule.low < 0 else np.uint8)
    make_calls(
        np.array([[entry, laid.ctypes.data, y.ctypes.data, description, 0, pixels]], np.int64)
    )
    assert y[-1] == 77  # a partial block ends where the channels end
    return y[:-1].reshape(pixels, channels)


def bounds(rng: np.random.Generator) -> tuple[int, int, int]:
    """Return zero point, low and high of one 8-bit type."""
    least = int(rng.choice((-128, 0)))
    low, high = sorted(rng.integers(least, least + 256, 2).tolist())
    if rng.random() < 0.7:
        low, high = least, least + 255
    zero_point = low if rng.random() < 0.2 else int(rng.integers(least, least + 256))
    return zero_point, low, high


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("least_shift", [0, 32])
def test_integer_forms_equal_the_scalar(rounding: str, least_shift: int) -> None:
    rng = np.random.default_rng([least_shift, *rounding.encode()])
    forms = set()
    for _ in range(CASES):
        terms = 1 if rng.random() < 0.7 else int(rng.integers(2, 5))
        channels, pixels = int(rng.integers(1, 40)), int(rng.integers(1, 9))
        multipliers = rng.integers(0, 1 << int(rng.integers(1, 31)), (terms, channels))
        if rng.random() < 0.3:
            multipliers[:] = 1 << int(rng.integers(0, 31))  # ties occur
        most_shift = int(rng.choice((MOST_SHIFT, MAX_SHIFT_BITS)))
        shift = rng.integers(least_shift, most_shift + 1, channels)
        if rng.random() < 0.2:
            shift = rng.choice((LEAST_SHIFT, MOST_SHIFT), channels)
        bias = rng.integers(-(1 << 40), 1 << 40, channels) * (rng.random() < 0.4)
        if terms == 1 and shift.min() >= LEAST_SHIFT and rng.random() < 0.2:
            bias = rng.choice((1 - BIAS_BOUND, -1, 0, BIAS_BOUND - 1), channels)
            shift = np.minimum(shift, MOST_SHIFT)
        rule = Requantization(multipliers, bias, shift, rounding, *bounds(rng))
        forms.add(next(f for f, entry in ENTRIES.items() if entry() is Epilogue(rule, 1).entry))
        sums = random_sums(rng, terms, pixels, channels)
        ties = (2 * rng.integers(-300, 300, sums.shape) + 1) << np.maximum(shift - 1, 0)
        near = np.clip(ties // np.maximum(multipliers[:, None], 1), -(1 << 31), (1 << 31) - 1)
        sums = np.where(rng.random(sums.shape) < 0.5, near, sums).astype(np.int32)
        expected = np.empty((pixels, channels), np.int16)
        mode = ROUNDINGS.index(rounding)
        linear_plain.requantize(
            sums, rule.multipliers, rule.bias, rule.shift, mode, rule.zero_point, rule.low,
            rule.high, expected,
        )  # fmt: skip
        np.testing.assert_array_equal(vector(rule, sums), expected)
    kinds = {form.partition("_")[0] for form in forms}
    assert kinds >= {"high"} | ({"biased"} if forms - {"high_constant", "constant"} else set())
    assert kinds & {"constant", "signed", "even"}


@pytest.mark.parametrize("kind", ["fp32", "double_away"])
def test_floating_point_forms_equal_the_scalar(kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    plain = getattr(linear_plain, f"requantize_{kind}")
    for _ in range(CASES):
        channels, pixels = int(rng.integers(1, 40)), int(rng.integers(1, 9))
        scale = 2.0 ** rng.uniform(-30, 4, channels)
        if rng.random() < 0.4:
            scale = np.full(channels, 2.0 ** -rng.integers(1, 12))  # ties occur
        none = np.zeros(channels, np.int64)
        rule = FloatRequantization(kind, scale, none, *bounds(rng))  # type: ignore[arg-type]
        sums = random_sums(rng, 1, pixels, channels).astype(np.int32)
        expected = np.empty((pixels, channels), np.int16)
        plain(sums[0], rule.scale, none, rule.zero_point, rule.low, rule.high, expected)
        np.testing.assert_array_equal(vector(rule, sums), expected)


def test_neighbours_of_a_half_round_as_the_scalar() -> None:
    halves = np.arange(32) + 0.5
    scale = np.stack([np.nextafter(halves, 0), halves, np.nextafter(halves, 99)]).ravel()
    none = np.zeros(len(scale), np.int64)
    rule = FloatRequantization("double_away", scale, none, 3, -128, 127)
    sums = np.array([-(1 << 31), -3, -2, -1, 0, 1, 2, 3, (1 << 31) - 1], np.int32)
    sums = np.tile(sums[None, :, None], (1, 1, len(scale)))
    expected = np.empty(sums.shape[1:], np.int16)
    linear_plain.requantize_double_away(sums[0], scale, none, 3, -128, 127, expected)
    np.testing.assert_array_equal(vector(rule, sums), expected)
    assert expected[5, 0] == 3  # 0.5 less the least step is no half


def test_a_bias_moves_into_the_sums_only_where_nothing_changes() -> None:
    planes = np.full((1, 3, 1, 1, 4), 100, np.int16)
    multipliers = np.array([[3, 1 << 30, 0]])
    for bias, moves in (
        ([6, -(1 << 35), 0], True),
        ([7, 0, 0], False),  # no multiple
        ([0, 0, 5], False),  # a multiplier of 0 gives no bias
        ([3 * ((1 << 31) - 4 * 100 * 255), 0, 0], False),  # the sum could wrap
        ([3 * ((1 << 31) - 4 * 100 * 255 - 1), 0, 0], True),
    ):
        rule = Requantization(multipliers, np.array(bias), np.full(3, 40), "tflite", 0, -128, 127)
        start, left = starting_bias(rule, planes)
        assert isinstance(left, Requantization)
        np.testing.assert_array_equal(start * multipliers[0] + left.bias, bias)
        assert start.any() == moves
