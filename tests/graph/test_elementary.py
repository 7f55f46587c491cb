"""exp, ln, sigmoid and tanh against exact rational series and their own identities."""

from __future__ import annotations

import math

import numpy as np
import pytest

from npusim.runtimes.elementary import exp, ln, sigmoid, tanh

RANDOM = np.random.default_rng(1)


def test_exponential_is_accurate() -> None:
    x = np.concatenate([RANDOM.uniform(-30, 30, 500), [0.0, 1.0, -1.0, 690.0, -690.0, 1e-12]])
    exact = np.array([math.exp(v) for v in x])
    assert np.abs(exp(x) / exact - 1).max() < 2e-14


@pytest.mark.parametrize("x", [1e-300, 0.3, 0.5, 0.70710678, 0.7072, 1.0, 1.5, 2.0, 17.0, 1e30])
def test_logarithm_is_accurate(x: float) -> None:
    assert ln(x) == pytest.approx(math.log(x), rel=4e-16, abs=1e-17)


def test_derived_functions() -> None:
    x = np.linspace(-20, 20, 201)
    assert np.abs(sigmoid(x) - 1 / (1 + np.exp(-x))).max() < 1e-14
    assert np.abs(tanh(x) - np.tanh(x)).max() < 1e-14
    tiny = np.array([1e-30, -3e-9, 1e-4, 0.1, -0.1699, 0.1701, 0.5])
    exact = np.array([math.tanh(v) for v in tiny])
    assert np.abs(tanh(tiny) / exact - 1).max() < 3e-15
    assert exp(np.array([1e9, -1e9])).tolist() == [exp(np.array(700.0)), exp(np.array(-700.0))]
