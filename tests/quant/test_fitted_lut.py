"""Levels fitted to a layer's operands, against least squares over the whole layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from npusim.quant.encoders import fitted_subset
from npusim.quant.encoders.fitted_lut import add_equations, fitted
from npusim.quant.encoders.lut import encode
from npusim.quant.encoders.search import Effort, Problem, spaces

RANDOM = np.random.default_rng(33)


def problem(channels: int, taps: int, groups: int = 1) -> Problem:
    second = []
    for _ in range(groups):
        x = RANDOM.normal(size=(60, taps)) @ RANDOM.normal(size=(taps, taps))
        second.append(x.T @ x / 60)
    space = spaces(np.stack(second), 0.1)
    weights = RANDOM.laplace(size=(channels, taps))
    return Problem(weights, space, np.arange(channels) * groups // channels, Effort(), 1)


@pytest.mark.parametrize("groups", [1, 3])
def test_levels_solve_the_normal_equations_of_the_output(groups: int) -> None:
    given = problem(6, 10, groups)
    coded = encode(given.targets, 2)
    gram, inner = np.zeros((4, 4)), np.zeros(4)
    add_equations(
        given.targets, coded.scales[0], coded.codes.astype(np.int64), given.spaces.order,
        given.spaces.h, given.space_of, gram, inner,
    )  # fmt: skip
    rows, goals = [], []
    for c, space in enumerate(given.space_of):
        back = np.argsort(given.spaces.order[space])
        root = np.linalg.cholesky(given.spaces.h[space][np.ix_(back, back)]).T
        rows.append(root @ np.eye(4)[coded.codes[c]] * coded.scales[0, c])
        goals.append(root @ given.targets[c])
    expected = np.linalg.lstsq(np.concatenate(rows), np.concatenate(goals), rcond=None)[0]
    assert np.allclose(np.linalg.solve(gram, inner), expected)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_less_output_error_than_nearest_and_than_a_subset(bits: int) -> None:
    given = problem(10, 40)
    found = given.errors(fitted(given, bits).real()).sum()
    nearest = given.errors(encode(given.targets, bits).real()).sum()
    others = given.errors(fitted_subset.fitted(given, bits).real()).sum()
    assert found < 0.75 * nearest
    assert found < others


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_short_look_is_between_nearest_and_the_full_one(bits: int) -> None:
    given = problem(10, 40)
    nearest, short, full = (
        given.errors(coded.real()).sum()
        for coded in (
            encode(given.targets, bits),
            fitted(replace(given, effort=given.effort.quick()), bits),
            fitted(given, bits),
        )
    )
    assert full < short < 0.75 * nearest


def test_channels_without_weights_and_a_layer_without() -> None:
    given = problem(4, 12)
    given.targets[2] = 0
    assert fitted(given, 3).scales[0, 2] == 0
    given.targets[:] = 0
    assert not fitted(given, 3).scales.any()
