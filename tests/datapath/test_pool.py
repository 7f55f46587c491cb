"""pool: maximum and sum of windows, and the mean through the requantizer as TFLite divides."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from npusim.cosim.verify_unit import verify_unit
from npusim.datapath.pool import MOST_TAPS, UNIT, average_constants, pool, pool_taps
from npusim.datapath.requantize import HALF_AWAY, clamp, requantize
from npusim.datapath.requantize import UNIT as REQUANTIZE
from npusim.datapath.round_shift import round_shift
from npusim.errors import RangeError
from tests.datapath.witnesses import c_average, verify_cases


@pytest.mark.parametrize(("maximum", "minimum"), [(0, 0), (1, 0), (0, 1)])
@pytest.mark.parametrize("count", [1, 2, 9, 49, 1024])
def test_a_window_is_numpys_maximum_minimum_or_sum(count, maximum, minimum):
    rng = np.random.default_rng(count)
    for low, high in ((-128, 128), (0, 256), (-255, 256), (-128, -100)):
        taps = rng.integers(low, high, count, np.int16)
        acc = 12345
        for number, tap in enumerate(taps.tolist()):
            acc = pool(tap, acc, int(number == 0), maximum, minimum)
        total = taps.astype(np.int64).sum()
        assert acc == int(taps.max() if maximum else taps.min() if minimum else total)
        assert pool_taps(taps, maximum, minimum) == acc


@pytest.mark.parametrize("taps", [*range(1, 130), 196, 255, 256, 257, 1000, 4096])
def test_the_mean_is_tflites_for_every_sum_of_small_windows(taps):
    multiplier, shift = average_constants(taps)
    assert multiplier < 1 << 31
    assert shift <= 62
    sums = range(-256 * taps, 256 * taps + 1)
    if taps > 130:
        rng = Random(taps)
        sums = [rng.randint(-256 * taps, 256 * taps) for _ in range(5_000)]
        sums += [s * taps // 2 + d for s in range(-511, 512, 2) for d in (-1, 0, 1)]
    for total in sums:
        assert round_shift(HALF_AWAY, multiplier * total, shift) == c_average(total, taps)


def test_the_mean_of_the_largest_window_is_exact_at_its_ties():
    for taps in (MOST_TAPS - 1, MOST_TAPS):
        multiplier, shift = average_constants(taps)
        for half in range(-511, 512, 2):
            for near in (-1, 0, 1):
                total = half * taps // 2 + near
                found = requantize(
                    (total,), (multiplier,), 0, HALF_AWAY, shift, 0, 0, -(1 << 20), 1 << 20
                )
                assert found == c_average(total, taps)


@pytest.mark.parametrize("taps", [0, MOST_TAPS + 1])
def test_other_windows_are_refused(taps):
    with pytest.raises(RangeError, match=rf"windows of 1\.\.{MOST_TAPS} taps, found {taps}"):
        average_constants(taps)


@pytest.mark.rtl
def test_rtl(icarus):
    verify_unit(UNIT, vectors=100_000)


@pytest.mark.rtl
def test_rtl_of_requantize_divides_as_c_does(icarus):
    """Every tie of every window of 1..64 taps, of the largest ones too, and beside each."""
    cases = []
    for taps in (*range(1, 65), 196, 1000, 4096, MOST_TAPS - 1, MOST_TAPS):
        multiplier, shift = average_constants(taps)
        for half in range(-511, 512, 2 if taps in (2, 9, 49, MOST_TAPS) else 30):
            for near in (-1, 0, 1):
                total = half * taps // 2 + near
                inputs = {
                    "acc": (total,), "multiplier": (multiplier,), "bias": 0, "mode": HALF_AWAY,
                    "shift": shift, "channel_shift": 0, "zero_point": 0, "low": -128, "high": 255,
                }  # fmt: skip
                cases.append((inputs, clamp(c_average(total, taps), -128, 255)))
    verify_cases(REQUANTIZE, cases, MAX_TERMS=1)
