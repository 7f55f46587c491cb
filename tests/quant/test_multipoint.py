"""Multipoint: the published accuracy, the order of points, the budget, other base grids."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.quant.coded import sqnr_db
from npusim.quant.encoders import multipoint, subset

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize(("bits", "published"), [(3, (13.3, 23.2, 28.5)), (4, (19.1, 31.5, 39.2))])
def test_gaussian_weights_reach_the_published_quality(
    bits: int, published: tuple[float, ...]
) -> None:
    weights = RANDOM.standard_normal((48, 576))
    for points, least in enumerate(published, start=1):
        coded = multipoint.encode(weights, bits, mean_points=points, most_points=points)
        assert (coded.points == points).all()
        assert sqnr_db(weights, coded.real()) >= least - 0.3


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_each_point_helps(bits: int) -> None:
    weights = RANDOM.laplace(size=(6, 60))
    quality = [
        sqnr_db(weights, multipoint.encode(weights, bits, mean_points=p, most_points=p).real())
        for p in (1, 2, 3, 4)
    ]
    assert quality == sorted(quality)
    assert len(set(quality)) == 4


def test_the_budget_goes_where_the_output_error_is() -> None:
    weights = RANDOM.standard_normal((4, 64))
    importance = np.array([1.0, 1.0, 100.0, 1.0])
    coded = multipoint.encode(
        weights, 4, mean_points=1.25, output_error=lambda c, e: importance[c] * float((e**2).sum())
    )
    assert coded.points.tolist() == [1, 1, 2, 1]
    assert coded.codes.shape == (5, 64)
    assert coded.scales.shape == (2, 4)
    assert coded.scales[1].tolist()[:2] == [0.0, 0.0]


def test_the_threshold_stops() -> None:
    weights = RANDOM.standard_normal((5, 64))
    loose = multipoint.encode(weights, 4, threshold=1.0, output_variance=64.0)
    tight = multipoint.encode(weights, 4, threshold=1e-9, output_variance=64.0)
    assert loose.points.tolist() == [1] * 5
    assert tight.points.tolist() == [4] * 5


def test_a_zero_residual_stops() -> None:
    weights = np.array([[3.0, -2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    coded = multipoint.encode(weights, 3, mean_points=4)
    assert coded.points.tolist() == [1, 1]
    assert np.allclose(coded.real(), weights, atol=1e-15)
    assert coded.scales[0, 1] == 0


def test_points_on_a_subset() -> None:
    weights = RANDOM.standard_normal((6, 200))
    magnitudes = subset.encode(weights, 4, normalize="channel").magnitudes
    base = multipoint.SubsetBase(4, magnitudes)
    coded = multipoint.encode(weights, 4, base=base, mean_points=2)
    assert coded.scheme == "subset"
    assert set(np.abs(coded.planes()).ravel().tolist()) <= {0, *magnitudes.tolist()}
    single = multipoint.encode(weights, 4, base=base, mean_points=1)
    assert sqnr_db(weights, coded.real()) > sqnr_db(weights, single.real()) + 8


def test_points_on_piecewise_pieces() -> None:
    weights = RANDOM.standard_normal((6, 200))
    base = multipoint.PiecewiseBase(3, "gaussian")
    coded = multipoint.encode(weights, 3, base=base, mean_points=4)
    assert coded.points.tolist() == [2] * 6
    assert coded.scales.shape == (4, 6)
    assert (coded.scales >= 0).all()
    single = multipoint.encode(weights, 3, base=base, mean_points=1)
    assert sqnr_db(weights, coded.real()) > sqnr_db(weights, single.real()) + 8


def test_scales_by_least_squares() -> None:
    planes = RANDOM.integers(-7, 8, size=(3, 100)).astype(float)
    true = np.array([0.5, 0.031, 0.0007])
    found = multipoint.fit_scales(true @ planes, planes)
    assert found == pytest.approx(true, rel=1e-9)
    dependent = np.stack([planes[0], 2 * planes[0]])
    assert multipoint.fit_scales(planes[0] * 3.0, dependent).tolist() == [3.0, 0.0]


def test_dead_channels_cost_one_point() -> None:
    weights = RANDOM.standard_normal((6, 40))
    weights[1] *= 1e-12
    weights[4] = 0
    coded = multipoint.encode(weights, 3, mean_points=2)
    assert coded.points[[1, 4]].tolist() == [1, 1]
    assert coded.points.sum() == 2 * 4 + 2
    assert sqnr_db(weights[1], coded.real()[1]) > 10
