"""The shift-scaler: n_c, one scale a layer, the published quality, one multiplier in integers."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.datapath.requantize import HALF_UP, requantize_total
from npusim.errors import RangeError
from npusim.quant.coded import CodedWeights, sqnr_db
from npusim.quant.encoders import uniform
from npusim.quant.encoders import weight_equalizing_shift as wes
from npusim.quant.epilogue import Epilogue, encoded_weights

RANDOM = np.random.default_rng(6)


def log_normal_channels() -> np.ndarray:
    return RANDOM.standard_normal((64, 288)) * np.exp(RANDOM.normal(size=(64, 1)) * 1.8)


def test_shifts_are_the_floor_of_the_ratio() -> None:
    ranges = np.array([1.0, 0.5, 0.500001, 0.25, 0.2, 2.0**-15, 2.0**-16, 1e-9, 0.0])
    shifts = wes.equalizing_shifts(ranges[:, None])
    assert shifts.tolist() == [0, 1, 0, 2, 2, 15, 15, 15, 0]
    assert wes.equalizing_shifts(np.array([[0.3], [0.3 / 4]])).tolist() == [0, 2]


def test_quality_lies_between_per_layer_and_per_channel() -> None:
    weights = log_normal_channels()

    def mean_quality(coded: CodedWeights) -> float:
        return float(np.mean([sqnr_db(w, r) for w, r in zip(weights, coded.real(), strict=True)]))

    per_layer = mean_quality(uniform.encode(weights, 8, per_layer=True))
    per_channel = mean_quality(uniform.encode(weights, 8))
    shifted = mean_quality(wes.encode(weights, 8))
    assert per_channel > shifted > per_layer + 10
    assert shifted == pytest.approx(39.8, abs=1.5)
    assert per_channel == pytest.approx(43.1, abs=1.5)


def epilogue(coded: CodedWeights, bias: np.ndarray) -> Epilogue:
    return Epilogue("layer", coded, bias, 0.02, -128, 0.05)


def test_one_multiplier_and_shift_for_the_layer() -> None:
    coded = wes.encode(log_normal_channels())
    encoding = encoded_weights(epilogue(coded, RANDOM.normal(size=64)), (64, 288))
    assert len(set(encoding.multipliers[0].tolist())) == 1
    assert len(set(encoding.shift.tolist())) == 1
    assert encoding.channel_shift.max() > 4


def test_fused_equals_a_requantizer_per_channel() -> None:
    """T >> (s + n_c) with the layer's M is a per-channel requantizer loaded with (M, s + n_c)."""
    coded = wes.encode(log_normal_channels())
    encoding = encoded_weights(epilogue(coded, RANDOM.normal(size=64)), (64, 288))
    accumulators = RANDOM.integers(-(2**22), 2**22, size=(64, 50))
    for c in range(64):
        m, b = int(encoding.multipliers[0, c]), int(encoding.bias[c])
        shift = int(encoding.shift[c] + encoding.channel_shift[c])
        for a in accumulators[c].tolist():
            exact = (m * a + b + (1 << (shift - 1))) // (1 << shift)
            fused = requantize_total(m * a + b, HALF_UP, shift, -3, -128, 127)
            assert fused == max(-128, min(127, exact - 3))


def test_a_large_bias_lowers_the_shift_of_its_channel() -> None:
    weights = np.array([[1.0, -0.5], [1e-5, 5e-6], [1e-5, 2e-6]])
    coded = wes.encode(weights)
    assert coded.channel_shift.tolist() == [0, 15, 15]
    bias = np.array([0.0, 4e9, 0.0])
    large = epilogue(coded, bias)
    shift, cap = large.shared_shift()
    assert cap.tolist()[0] == 0
    assert cap[1] < 15
    assert cap[2] == 15
    again = epilogue(wes.encode(weights, cap=cap), bias)
    encoding = encoded_weights(again, (3, 2))
    total = np.abs(encoding.bias) + encoding.multipliers[0] * again.largest[0]
    assert (total < 2**62).all()
    assert encoding.shift[0] <= shift + 15


def test_an_impossible_bias_is_named() -> None:
    coded = wes.encode(np.array([[1.0, -0.5], [1.0, 0.2]]))
    with pytest.raises(RangeError, match="layer: channel 1 has a bias of"):
        epilogue(coded, np.array([0.0, 1e25])).shared_shift()
