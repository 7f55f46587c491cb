"""Integer constants: close to the real ones, within the widths, or an error naming the limit."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError
from npusim.quant.bias_correction import paper_correction
from npusim.quant.coded import CodedWeights
from npusim.quant.encoders import multipoint, piecewise_linear, subset, uniform
from npusim.quant.epilogue import Epilogue, encoded_weights

RANDOM = np.random.default_rng(7)
WEIGHTS = RANDOM.standard_normal((8, 90)) * np.exp(RANDOM.normal(size=(8, 1)))
BIAS = RANDOM.normal(size=8) * 20
CODED = {
    "uniform": uniform.encode(WEIGHTS, 8),
    "pwlq": piecewise_linear.encode(WEIGHTS, 4),
    "pwlq reference": piecewise_linear.encode(WEIGHTS, 4, grid="reference"),
    "subset": subset.encode(WEIGHTS, 3),
    "multipoint": multipoint.encode(WEIGHTS, 3, mean_points=2.5),
    "paper": paper_correction(WEIGHTS, piecewise_linear.encode(WEIGHTS, 3)),
}


@pytest.mark.parametrize("coded", CODED.values(), ids=CODED.keys())
def test_integers_reproduce_the_real_layer(coded: CodedWeights) -> None:
    """(bias + sum_j M_j A_j + W SX) / 2^s is the real output in steps, to a thousandth."""
    zero_point, sx, so = 3, 0.02, 0.4
    encoding = encoded_weights(Epilogue("layer", coded, BIAS, sx, zero_point, so), (8, 90))
    x = RANDOM.integers(-128, 128, size=(90, 40)) - zero_point
    planes = coded.planes()
    total = encoding.bias[:, None] + sum(
        m[:, None] * (plane @ x) for m, plane in zip(encoding.multipliers, planes, strict=True)
    )
    total = total + encoding.window_sum[:, None] * x.sum(axis=0)
    integer = total / 2.0 ** (encoding.shift + encoding.channel_shift)[:, None]
    real = (coded.real() @ (x * sx) + BIAS[:, None]) / so
    assert np.abs(integer - real).max() < 1e-3


@pytest.mark.parametrize("coded", CODED.values(), ids=CODED.keys())
@pytest.mark.parametrize("bias_scale", [1.0, 1e6, 1e12])
def test_the_product_sum_fits_and_uses_its_room(coded: CodedWeights, bias_scale: float) -> None:
    epilogue = Epilogue("layer", coded, BIAS * bias_scale, 0.02, -128, 0.4)
    encoding = encoded_weights(epilogue, (8, 90))
    for c in range(8):
        total = abs(int(encoding.bias[c])) + abs(int(encoding.window_sum[c])) * 90 * 255
        total += sum(
            int(m) * int(a)
            for m, a in zip(encoding.multipliers[:, c], epilogue.largest[:, c], strict=True)
        )
        assert total < 2**62
        shift = int(encoding.shift[c])
        assert shift == 62 or not epilogue.fits(c, shift + 1)


def test_an_accumulator_beyond_32_bits_is_refused() -> None:
    weights = np.ones((2, 70_000))
    with pytest.raises(RangeError, match="deep: the accumulator of channel 0 needs 33 bits"):
        Epilogue("deep", uniform.encode(weights, 8), np.zeros(2), 0.1, -128, 0.1)


def test_an_impossible_factor_is_refused() -> None:
    coded = uniform.encode(np.array([[1.0, 1.0]]), 8)
    with pytest.raises(RangeError, match="layer: channel 0 needs a factor of"):
        encoded_weights(Epilogue("layer", coded, np.zeros(1), 1e20, 0, 1e-5), (1, 2))


def test_storage_counts_everything() -> None:
    encoding = encoded_weights(Epilogue("layer", CODED["pwlq"], BIAS, 0.02, 0, 0.4), (8, 90))
    assert encoding.storage_bits == 8 * 90 * 5 + 2 * 8 * 31 + 8 * 6 + 8 * 64
    encoding = encoded_weights(Epilogue("layer", CODED["subset"], BIAS, 0.02, 0, 0.4), (8, 90))
    assert encoding.storage_bits == 8 * 90 * 3 + 8 * 31 + 8 * 6 + 8 * 64 + 4 * 4
    encoding = encoded_weights(Epilogue("layer", CODED["multipoint"], BIAS, 0.02, 0, 0.4), (8, 90))
    points = int(encoding.points.sum())
    assert points == 20
    assert encoding.storage_bits == points * (90 * 3 + 31) + 8 * (6 + 64 + 2)
