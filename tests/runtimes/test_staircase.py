"""Rules as staircases: against the kernels' own scalars and against every accumulator."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.datapath.requantize import requantize_total
from npusim.kernels.floating_point import (
    double_away_requantize,
    fp32_requantize,
)
from npusim.kernels.fused import requantize_sums_fused
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.runtimes.staircase import Reach, outputs, sum_of_products, thresholds
from npusim.words import ROUNDINGS

SCALE = float(np.float32(0.0766) * np.float32(float.fromhex("0x1.83dac2p-10")) / np.float32(0.0102))


def rule(kind: str, scale: object, bias: object, zero_point: int = 3) -> FloatRequantization:
    return FloatRequantization(kind, np.asarray(scale), np.asarray(bias), zero_point, -128, 127)


@pytest.mark.parametrize(
    ("kind", "scalar"), [("fp32", fp32_requantize), ("double_away", double_away_requantize)]
)
def test_outputs_are_what_the_kernels_compute(kind, scalar):
    r = rule(kind, [SCALE, 0.5, 2.0**-20], [85, -1, 0])
    accumulators = np.stack([np.arange(-3_000, 3_000) * factor for factor in (5, 1, 40_000)])
    found = outputs(r, accumulators)
    for channel, row in enumerate(accumulators):
        expected = [
            scalar(int(a) + int(r.bias[channel]), r.scale[channel], 3, -128, 127) for a in row
        ]
        assert found[channel].tolist() == expected


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_integers_are_rounded_as_the_datapaths_scalar_rounds(mode):
    """Every shift, both signs, ties and what lies beside them, and the ends of the product sum."""
    shifts = np.arange(63)
    multipliers = np.full(63, 3, np.int64)
    bias = np.where(shifts % 2, (1 << 40) + 1, -(1 << 50))
    r = Requantization(multipliers[None], bias, shifts, mode, 5, -30_000, 30_000)
    rng = np.random.default_rng(8)
    near = [
        [(k << s >> 1) + d for k in (-3, -2, -1, 0, 1, 2, 3) for d in (-2, -1, 0, 1)]
        for s in map(int, shifts)
    ]
    totals = np.clip(np.array(near, dtype=object), -(1 << 61), 1 << 61)
    near_ties = np.array((totals - bias.astype(object)[:, None]) // 3, np.int64)
    accumulators = np.concatenate([near_ties, rng.integers(-(1 << 59), 1 << 59, (63, 40))], axis=1)
    found = outputs(r, accumulators)
    for s, row in enumerate(accumulators):
        totals = [3 * int(a) + int(bias[s]) for a in row]
        expected = [
            requantize_total(t, ROUNDINGS.index(mode), s, 5, -30_000, 30_000) for t in totals
        ]
        assert found[s].tolist() == expected


def test_the_fused_mean_is_what_the_kernel_computes():
    for scale in (0.0123, 1 / 3, 0.5, 2.0**-7 * 1.0000001):
        r = rule("fp32_fused", [scale], [-49 * 17])
        sums = np.arange(-49 * 128, 49 * 128, dtype=np.int64)
        y = np.empty((1, len(sums)), np.int8)
        requantize_sums_fused(sums[None], r.scale[0], int(r.bias[0]), 3, -128, 127, y)
        assert outputs(r, sums[None])[0].tolist() == y[0].tolist()


def test_thresholds_are_the_first_accumulators_of_each_output():
    integer = Requantization(
        np.array([[1 << 20, 3 << 18]]), np.array([5, -(1 << 30)]), np.array([26, 31]), "tflite",
        -7, -100, 90,
    )  # fmt: skip
    for r in (rule("fp32", [SCALE, 0.3], [11, -5]), rule("double_away", [0.5, SCALE], [0, 9])):
        for one in (r, integer):
            reach = Reach(np.array([-9_000, 17]), np.array([12_000, 400]))
            found = thresholds(one, reach)
            for channel in range(2):
                a = np.arange(reach.first[channel], reach.last[channel] + 1)
                y = outputs(one, np.stack([a, a]))[channel]
                for index, level in enumerate(range(one.low + 1, one.high + 1)):
                    reached = a[y >= level]
                    expected = reached[0] if len(reached) else reach.last[channel] + 1
                    assert found[channel, index] == expected


def test_the_reach_of_a_layer_is_attained_and_not_passed():
    rng = np.random.default_rng(1)
    planes = rng.integers(-128, 128, (4, 3, 3, 2))
    reach = sum_of_products(planes, -28, 227)
    x = np.where(planes > 0, 227, -28)
    assert (planes * x).reshape(4, -1).sum(axis=1).tolist() == reach.last.tolist()
    x = np.where(planes > 0, -28, 227)
    assert (planes * x).reshape(4, -1).sum(axis=1).tolist() == reach.first.tolist()
