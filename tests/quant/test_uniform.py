"""Uniform codes: TensorFlow's rule, clipping, and what bits mean."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.errors import RangeError
from npusim.quant.coded import sqnr_db
from npusim.quant.encoders import uniform

RANDOM = np.random.default_rng(2)


def test_min_max_is_the_symmetric_rule() -> None:
    weights = np.array([[1.27, -0.635, 0.005, -1.27], [0.0, 0.0, 0.0, 0.0]])
    coded = uniform.encode(weights, 8)
    assert coded.codes.view(np.int8).tolist() == [[127, -64, 0, -127], [0, 0, 0, 0]]
    assert coded.scales.tolist() == [[0.01, 0.0]]


@pytest.mark.parametrize("bits", range(2, 9))
def test_bits_bound_the_integers(bits: int) -> None:
    weights = RANDOM.standard_normal((4, 50))
    high = 2 ** (bits - 1) - 1
    planes = uniform.encode(weights, bits).planes()
    assert planes.shape == (1, 4, 50)
    assert planes.min() >= -high
    assert planes.max() <= high
    full = uniform.encode(-np.abs(weights), bits, full_range=True, clip="squared-error").planes()
    assert full.min() == -high - 1


def test_per_layer_has_one_scale() -> None:
    weights = RANDOM.standard_normal((3, 20)) * np.array([[1.0], [0.1], [0.01]])
    coded = uniform.encode(weights, 8, per_layer=True)
    assert len(set(coded.scales[0].tolist())) == 1
    assert sqnr_db(weights[2], coded.real()[2]) < sqnr_db(
        weights[2], uniform.encode(weights, 8).real()[2]
    )


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("per_layer", [False, True])
def test_clipping_is_never_worse_than_min_max(bits: int, per_layer: bool) -> None:
    weights = RANDOM.laplace(size=(8, 200))
    clipped = uniform.encode(weights, bits, clip="squared-error", per_layer=per_layer)
    plain = uniform.encode(weights, bits, per_layer=per_layer)
    assert sqnr_db(weights, clipped.real()) >= sqnr_db(weights, plain.real())


def test_squared_errors_of_the_literature() -> None:
    """Unit variance, 4 bits: Gaussian .0128 symmetric, .0118 with -8; Laplacian .0250 with -8."""
    gaussian = RANDOM.standard_normal((1, 400_000))
    laplacian = RANDOM.laplace(size=(1, 400_000)) / np.sqrt(2)

    def error(weights: np.ndarray, full_range: bool) -> float:
        coded = uniform.encode(weights, 4, clip="squared-error", full_range=full_range)
        return float(((coded.real() - weights) ** 2).mean())

    assert error(gaussian, False) == pytest.approx(0.0128, rel=0.02)
    assert error(gaussian, True) == pytest.approx(0.0118, rel=0.02)
    assert error(laplacian, True) == pytest.approx(0.0250, rel=0.05)
    assert 0.0250 < error(laplacian, False) < 0.0290


def test_bad_input_is_named() -> None:
    weights = np.ones((2, 3))
    with pytest.raises(RangeError, match="expected 2 to 8 bits, found 9"):
        uniform.encode(weights, 9)
    weights[1, 2] = np.nan
    with pytest.raises(RangeError, match="found nan in channel 1"):
        uniform.encode(weights, 8)
