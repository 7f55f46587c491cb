"""The Pareto front: no point beaten, none left out."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.analysis.pareto import on_front


def slow_front(costs: np.ndarray) -> list[bool]:
    """Return the definition, pair by pair."""
    return [
        not any((other <= point).all() and (other < point).any() for other in costs)
        for point in costs
    ]


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("values", [2, 5, 1000])
def test_the_front_is_its_definition(objectives, values):
    rng = np.random.default_rng(objectives * values)
    for count in (1, 2, 7, 60):
        costs = rng.integers(0, values, (count, objectives)).astype(float)
        assert on_front(costs).tolist() == slow_front(costs)
