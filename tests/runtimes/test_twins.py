"""Integer twins: proved and refuted against every accumulator, and counted on networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npusim import load
from npusim import operators as op
from npusim.datapath.requantize import requantize_total
from npusim.graph.weight_planes import weight_planes
from npusim.operators.pages import constants_of
from npusim.runtimes.requantization import FloatRequantization, affine
from npusim.runtimes.rule import resolve_rule
from npusim.runtimes.staircase import Reach, outputs, sum_of_products
from npusim.runtimes.twins import MODES, differences, least_total, twin
from npusim.words import ROUNDINGS


def layers(path: Path):
    """Yield every linear layer's floating-point rule and the reach of its accumulators."""
    network = load(path)
    for node in network.nodes:
        if isinstance(node.operator, op.Conv2D | op.FullyConnected):
            rule = constants_of(network, node, resolve_rule(network))
            if isinstance(rule, FloatRequantization):
                x = network.inputs_of(node)[0]
                limits, zero_point = np.iinfo(x.dtype), affine(node, x)[1]
                reach = sum_of_products(
                    weight_planes(network, node)[0],
                    limits.min - zero_point, limits.max - zero_point,
                )  # fmt: skip
                scale = np.broadcast_to(rule.scale, len(reach))
                yield replace(rule, scale=scale), reach


def random_rules(count: int, kind: str):
    """Yield rules of one channel with scales of real layers, and their reach."""
    rng = np.random.default_rng(7)
    for _ in range(count):
        reach = int(2.0 ** rng.uniform(9, 17))
        scale = rng.uniform(20, 600) / reach
        bias, zero_point = int(rng.integers(-reach, reach)), int(rng.integers(-128, 128))
        one = Reach(np.array([-reach]), np.array([int(reach * rng.uniform(0.2, 1))]))
        rule = FloatRequantization(kind, np.array([scale]), np.array([bias]), zero_point, -128, 127)
        yield rule, one


def every_accumulator(reach: Reach) -> np.ndarray:
    return np.arange(reach.first[0], reach.last[0] + 1)[None]


@pytest.mark.parametrize("kind", ["fp32", "double_away"])
def test_the_verdict_is_that_of_every_accumulator(kind):
    exact = 0
    for rule, reach in random_rules(20, kind):
        found = twin(rule, reach)
        a = every_accumulator(reach)
        expected, computed = outputs(rule, a), outputs(found.requantization, a)
        assert found.is_exact == np.array_equal(expected, computed)
        exact += found.is_exact
    assert exact >= 19


def test_a_constant_off_by_one_accumulator_is_refuted_with_the_accumulator():
    for rule, reach in random_rules(20, "double_away"):
        constants = twin(rule, reach).requantization
        mutant = replace(constants, bias=constants.bias + constants.multipliers[0])
        refuted = differences(rule, mutant, reach)
        assert refuted
        for witness in refuted:
            for a in (witness.first, witness.last):
                assert (outputs(rule, np.array([[a]])) != outputs(mutant, np.array([[a]]))).all()
        a = every_accumulator(reach)
        assert sum(w.count for w in refuted) == (outputs(rule, a) != outputs(mutant, a)).sum()
        assert str(refuted[0]).startswith("channel 0, accumulator")


def test_the_window_of_the_bias_has_sharp_ends():
    """At its ends the constants are proved, one beyond them they are refuted."""
    for rule, reach in random_rules(6, "double_away"):
        constants = twin(rule, reach).requantization
        for direction in (-1, 1):
            inside, outside = 0, 1 << 45
            while outside - inside > 1:
                middle = (inside + outside) >> 1
                moved = replace(constants, bias=constants.bias + direction * middle)
                inside, outside = (
                    (middle, outside) if not differences(rule, moved, reach) else (inside, middle)
                )
            mutant = replace(constants, bias=constants.bias + direction * outside)
            assert len(differences(rule, mutant, reach)) >= 1
            a = every_accumulator(reach)
            assert not np.array_equal(outputs(rule, a), outputs(mutant, a))


@pytest.mark.parametrize("mode", MODES)
def test_the_least_total_of_a_level(mode):
    for shift in (1, 2, 7, 31, 32, 40):
        levels = np.arange(-20, 21)
        totals = least_total(mode, levels, np.int64(shift))
        for level, total in zip(levels.tolist(), totals.tolist(), strict=True):
            code = ROUNDINGS.index(mode)
            assert requantize_total(total, code, shift, 0, -128, 127) >= level
            assert requantize_total(total - 1, code, shift, 0, -128, 127) < level


def test_channels_that_never_step():
    dead = FloatRequantization("fp32", np.array([0.0, 1e-30]), np.array([9, 1 << 30]), 5, -128, 127)
    reach = Reach(np.array([-100, -(1 << 24)]), np.array([100, 1 << 24]))
    assert twin(dead, reach).is_exact
    clamped = FloatRequantization("fp32", np.array([1.0]), np.array([0]), 0, 7, 7)
    assert twin(clamped, Reach(np.array([-9]), np.array([9]))).is_exact


def test_ties_of_a_slope_that_is_no_binary_fraction_have_no_twin_and_are_named():
    """Two float32 ties 26,808 accumulators and 98 outputs apart: no M / 2^s has that slope."""
    scale = np.float32(98 / 26_808)
    rule = FloatRequantization("fp32", np.array([scale]), np.array([0]), 0, -128, 127)
    reach = Reach(np.array([-60_000]), np.array([60_000]))
    found = twin(rule, reach)
    a = every_accumulator(reach)
    differing = np.flatnonzero(outputs(rule, a) != outputs(found.requantization, a))
    named = [
        accumulator
        for difference in found.differences
        for accumulator in range(difference.first, difference.last + 1)
    ]
    assert [int(a[0, i]) for i in differing] == named


COUNTS = {
    "tflite/ad_ae_int8.tflite": (1672, 1672),
    "tflite/kws_dscnn_int8.tflite": (12, 12),
    "tflite/ic_resnet8_int8.tflite": (10, 10),
    "tflite/tflm_mobilenet_v2_int8.tflite": (1000, 1000),
    "onnx/kws_dscnn_int8_QOperator.onnx": (588, 573),
    "onnx/ic_resnet8_int8_QOperator.onnx": (346, 321),
    "onnx/vww_mbv1_int8_QOperator.onnx": (2738, 2702),
    "onnx/shufflenet-v2-12-int8.onnx": (9090, 8792),
}
"""Channels of the network's floating-point layers, and those that have a twin."""


@pytest.mark.shared
@pytest.mark.parametrize("name", COUNTS)
def test_how_many_channels_of_a_network_have_a_twin(shared, name):
    channels = exact = 0
    for rule, reach in layers(shared / "models" / name):
        found = twin(rule, reach)
        lacking = {difference.channel for difference in found.differences}
        channels += len(reach)
        exact += len(reach) - len(lacking)
        assert differences(rule, found.requantization, reach) == found.differences
    assert (channels, exact) == COUNTS[name]


@pytest.mark.shared
def test_channels_of_real_layers_over_every_accumulator_that_can_occur(shared):
    rng = np.random.default_rng(14)
    pool = [
        layer
        for name in ("tflite/ad_ae_int8.tflite", "onnx/kws_dscnn_int8_QOperator.onnx")
        for layer in layers(shared / "models" / name)
    ]
    for _ in range(20):
        rule, reach = pool[rng.integers(len(pool))]
        channel = int(rng.integers(len(reach)))
        one = slice(channel, channel + 1)
        rule, reach = rule.of_channels(one), reach[one]
        found = twin(rule, reach)
        a = every_accumulator(reach)
        differ = outputs(rule, a) != outputs(found.requantization, a)
        assert differ.sum() == sum(difference.count for difference in found.differences)
