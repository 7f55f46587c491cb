"""The mechanism over levels: against GPTQ's own form, brute force, and linear algebra."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from npusim.quant.encoders import choose
from npusim.quant.encoders.factor import damped
from npusim.quant.encoders.search import Effort, Problem, spaces
from npusim.quant.encoders.uniform import encode

RANDOM = np.random.default_rng(21)


def moments(taps: int, samples: int = 40) -> np.ndarray:
    """Second moments of operands that depend on each other."""
    x = RANDOM.normal(size=(samples, taps)) @ RANDOM.normal(size=(taps, taps))
    return x.T @ x / samples + 0.01 * np.eye(taps)


def gptq(w: np.ndarray, h: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Frantar et al. 2022, algorithm 1, columns from first to last: the witness."""
    rest = np.linalg.cholesky(np.linalg.inv(h)).T
    w, q = w.copy(), np.zeros_like(w)
    for k in range(len(w)):
        q[k] = levels[np.abs(levels - w[k]).argmin()]
        w[k:] -= (w[k] - q[k]) / rest[k, k] * rest[k, k:]
    return q


@pytest.mark.parametrize("taps", [1, 2, 7, 30])
def test_feedback_is_gptq(taps: int) -> None:
    one = spaces(moments(taps)[None], 0.01)
    w = RANDOM.normal(size=taps)
    levels = np.linspace(-2, 2, 7)
    q, at, goal = np.zeros(taps), np.zeros(taps, np.int64), np.zeros(taps)
    choose.feed_back(w, one.ratios[0], levels, len(levels), goal, q, at)
    flipped = gptq(w[::-1], one.h[0, ::-1, ::-1], levels)[::-1]  # last of ours is first of theirs
    assert np.array_equal(q, flipped)
    assert np.array_equal(levels[at], q)
    assert np.isclose((one.left[0] * (goal - q) ** 2).sum(), (w - q) @ one.h[0] @ (w - q))


def test_descent_ends_where_no_single_weight_can_do_better() -> None:
    h = moments(12)
    levels, w = np.array([-1.5, -0.5, 0.1, 0.9]), RANDOM.normal(size=12)
    at = np.zeros(12, np.int64)
    q, g = levels[at].copy(), np.zeros(12)
    choose.gradient(h, w, q, g)
    choose.descend(h, levels, len(levels), 100, q, at, g)
    assert np.allclose(g, h @ (q - w))
    least = (w - q) @ h @ (w - q)
    for k, level in product(range(12), levels):
        other = q.copy()
        other[k] = level
        assert (w - other) @ h @ (w - other) >= least - 1e-12


@pytest.mark.parametrize("forms", [1, 2, 3])
def test_refit_is_least_squares(forms: int) -> None:
    h, w = moments(20), np.abs(RANDOM.normal(size=20)) + 0.5
    planes = RANDOM.integers(1, 9, size=(forms, 30)).astype(np.float64)
    columns = RANDOM.integers(0, 30, size=20)
    z = planes[:, columns]
    scales = np.full(forms, 0.1)
    g = h @ (scales @ z - w)
    assert choose.refit(h, h @ w, planes, columns, scales, g)
    root = np.linalg.cholesky(h).T
    expected = np.linalg.lstsq(root @ z.T, root @ w, rcond=None)[0]
    if (expected >= 0).all():
        assert np.allclose(scales, expected)
    else:  # the proportions stay, their sum is fitted
        along = np.full(forms, 0.1) @ z
        assert np.allclose(scales, 0.1 * (along @ h @ w) / (along @ h @ along))


def test_levels_of_one_value_keep_the_first_code() -> None:
    planes = np.array([[0.0, 1.0, -0.0, 1.0, -1.0]])
    values, place = np.zeros(5), np.zeros(5, np.int64)
    count = choose.sort_levels(planes, np.array([0.5]), values, place)
    assert values[:count].tolist() == [-0.5, 0.0, 0.5]
    assert place[:count].tolist() == [4, 0, 1]


def test_nearest_takes_the_lower_of_two_equally_near() -> None:
    values = np.array([-1.0, 0.0, 2.0, 3.0])
    found = [choose.nearest(values, 4, x) for x in (-9.0, -0.5, 0.9, 1.0, 1.1, 2.5, 9.0)]
    assert found == [0, 0, 1, 1, 2, 2, 3]


def problem(weights: np.ndarray, second: np.ndarray, **effort: object) -> Problem:
    space_of = np.arange(len(weights)) * len(second) // len(weights)
    return Problem(weights, spaces(second, 0.01), space_of, Effort(**effort), 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("fed_back", [True, False])
def test_two_bits_come_near_the_best_there_are(fed_back: bool) -> None:
    """3 weights a channel: within a quarter of the best of all codes at their best scales."""
    random = np.random.default_rng(5)
    weights, second = random.normal(size=(48, 3)), np.stack([np.eye(3)] * 6)
    for one in second:
        x = random.normal(size=(40, 3)) @ random.normal(size=(3, 3))
        one[:] = x.T @ x / 40
    given = problem(weights, second, fed_back=fed_back)
    nearest = encode(weights, 2)
    coded, errors = given.improve(nearest)
    assert (errors <= given.errors(nearest.real())).all()
    assert np.allclose(errors, given.errors(coded.real()))
    best = np.full(48, np.inf)
    for z in product((-1.0, 0.0, 1.0), repeat=3):
        for c, w in enumerate(weights):
            h, q = damped(second[c // 8], 0.01), np.array(z)
            along = max(0.0, w @ h @ q) / (q @ h @ q) if q.any() else 0.0
            best[c] = min(best[c], (w - along * q) @ h @ (w - along * q))
    assert errors.sum() <= 1.25 * best.sum()


def test_groups_have_their_own_moments() -> None:
    weights = RANDOM.normal(size=(6, 5))
    second = np.stack([moments(5) for _ in range(3)])
    together = problem(weights, second).improve(encode(weights, 3))[0]
    for g in range(3):
        own = slice(2 * g, 2 * g + 2)
        alone = problem(weights[own], second[g : g + 1]).improve(encode(weights[own], 3))[0]
        assert np.array_equal(alone.codes, together.codes[own])
        assert np.array_equal(alone.scales, together.scales[:, own])
