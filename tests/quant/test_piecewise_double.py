"""pwlq_double: nearest codes, the range of least error, and what tying the steps costs."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError
from npusim.quant.coded import sqnr_db
from npusim.quant.encoders import piecewise_double as double
from npusim.quant.encoders import piecewise_linear, uniform

RANDOM = np.random.default_rng(17)


def magnitudes(bits: int) -> np.ndarray:
    n = 2 ** (bits - 1) - 1
    return np.array([*range(n + 1), *range(n + 2, 3 * n + 1, 2)], np.float64)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_codes_are_the_nearest_levels(bits: int) -> None:
    weights = RANDOM.laplace(size=(4, 300))
    coded = double.encode(weights, bits)
    for w, real, scale in zip(weights, coded.real(), coded.scales[0], strict=True):
        levels = magnitudes(bits) * scale
        nearest = np.abs(np.abs(w)[:, None] - levels).min(axis=1)
        assert np.allclose(np.abs(w - real), nearest, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_on_the_grid_are_coded_without_error(bits: int) -> None:
    levels = np.concatenate([-magnitudes(bits), magnitudes(bits)])
    weights = np.stack([RANDOM.permutation(levels) * scale for scale in (0.01, 1.0, 7.5)])
    coded = double.encode(weights, bits)
    # the share 1/3 of the greatest lies between two of the steps that are searched
    assert np.allclose(coded.real(), weights, rtol=0, atol=0.002 * np.abs(weights).max())


def test_no_other_range_is_better() -> None:
    weights = RANDOM.standard_normal((6, 200))
    coded = double.encode(weights, 4)
    for w, real, scale in zip(weights, coded.real(), coded.scales[0], strict=True):
        least = ((w - real) ** 2).sum()
        for other in np.linspace(0.2, 3, 57) * scale:
            size = np.abs(w)
            error = (np.abs(size[:, None] - magnitudes(4) * other).min(axis=1) ** 2).sum()
            assert least <= error * 1.02


def test_the_breakpoint_is_centre_and_zero_is_positive() -> None:
    coded = double.encode(np.array([[1.0, -1.0, 0.0, -0.0, -1e-9, 1.0]]), 4)
    assert coded.codes[0].tolist() == [7, 16 | 7, 0, 0, 0, 7]


@pytest.mark.parametrize(
    ("draw", "taps", "least_db", "most_below_free_db"),
    [("standard_normal", 576, 24.4, 0.2), ("laplace", 576, 22.2, 0.2)],
)
def test_what_tied_steps_cost(
    draw: str, taps: int, least_db: float, most_below_free_db: float
) -> None:
    """Beside free pwlq at the same stored bits, and a bit of uniform more."""
    weights = getattr(np.random.default_rng(3), draw)(size=(48, taps))

    def found(coded: object) -> float:
        return sqnr_db(weights, coded.real())

    tied = found(double.encode(weights, 4))
    free = found(piecewise_linear.encode(weights, 4, breakpoint="search"))
    assert tied > least_db
    assert tied > free - most_below_free_db
    assert tied > found(uniform.encode(weights, 4, clip="squared-error")) + 3


def test_dead_channels_have_no_scale() -> None:
    weights = np.zeros((3, 5))
    weights[1] = 1
    coded = double.encode(weights, 3)
    assert coded.scales[0].tolist()[::2] == [0, 0]
    assert np.allclose(coded.real(), weights)
    assert not coded.codes[::2].any()


def test_other_bits_are_refused() -> None:
    with pytest.raises(RangeError, match="pwlq_double: expected 2 to 4 bits, found 5"):
        double.encode(np.ones((1, 4)), 5)
