"""The Pareto front: no point beaten, none left out."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.explore.sweep.front import on_front, with_front


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


def test_what_is_better_depends_on_the_column_and_errors_have_no_front():
    rows = [
        {"network": "a", "error": "", "accuracy": 90.0, "seconds_on_machine": 1.0},
        {"network": "a", "error": "", "accuracy": 91.0, "seconds_on_machine": 2.0},
        {"network": "a", "error": "", "accuracy": 90.5, "seconds_on_machine": 2.0},
        {"network": "a", "error": "no such machine"},
        {"network": "b", "error": "", "seconds_on_machine": 3.0},
        {"network": "b", "error": "", "seconds_on_machine": 2.0, "area_um2": 5.0},
    ]
    marked = with_front(rows)
    assert [row.get("pareto") for row in marked] == [True, True, False, None, False, True]
    assert "pareto" not in rows[0]
    assert with_front([]) == []
