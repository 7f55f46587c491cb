"""Which magnitudes a layer gets: the short form of a set's error against the long one."""

from __future__ import annotations

import numpy as np

from npusim.codes.subset import UNIVERSAL_MAGNITUDES
from npusim.quant.encoders.fitted_subset import fitted, judged, searched
from npusim.quant.encoders.search import Effort, Problem, spaces
from npusim.quant.encoders.subset import candidates

RANDOM = np.random.default_rng(26)


def problem(channels: int, taps: int) -> Problem:
    x = RANDOM.normal(size=(60, taps)) @ RANDOM.normal(size=(taps, taps))
    space = spaces((x.T @ x / 60)[None], 0.1)
    weights = RANDOM.laplace(size=(channels, taps))
    return Problem(weights, space, np.zeros(channels, np.int64), Effort(), 1)


def test_a_sets_error_is_that_of_its_best_scale() -> None:
    """Against a scan over scales: never below the least error there is, and seldom far above."""
    given = problem(3, 20)
    grids = candidates(2)
    expected = np.zeros(len(grids))
    for target in given.targets:
        size = np.abs(target)[given.spaces.order[0]]
        for s, grid in enumerate(grids):
            scales = np.geomspace(0.05, 3, 2000)[:, None] * size.max() / grid[-1]
            off = np.abs(size[None, :, None] - scales[:, :, None] * grid).min(axis=2)
            expected[s] += (given.spaces.left[0] * off**2).sum(axis=1).min()
    found = judged(given, grids)
    assert (found >= expected * (1 - 1e-3)).all()
    assert np.median(found / expected) < 1.02


def test_the_set_is_among_the_best_when_every_set_is_coded_in_full() -> None:
    from npusim.quant.encoders.subset import encode, smallest_form

    given = problem(6, 16)
    chosen = fitted(given, 2)
    error = given.errors(chosen.real()).sum()
    every = []
    for grid in candidates(2):
        magnitudes = smallest_form(grid, 1.0, 0.0)[0]
        base = encode(given.targets, 2, normalize="channel", magnitudes=magnitudes)
        every.append(given.improve(base)[1].sum())
    assert error <= np.quantile(every, 0.05)


def test_exchanges_end_near_the_best_set() -> None:
    given = problem(12, 40)
    for bits, zero in ((2, False), (3, False), (3, True), (4, False)):
        grids = candidates(bits, zero)
        errors = judged(given, grids)
        found = searched(given, 1 << (bits - 1), UNIVERSAL_MAGNITUDES, zero)[0]
        assert found[0] == 0 or not zero
        least = judged(given, np.array([found]) / 32.0)[0]
        assert least <= 1.01 * errors.min()
