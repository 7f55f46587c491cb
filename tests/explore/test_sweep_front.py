"""The front of a sweep: what is weighed, and within which points."""

from __future__ import annotations

from npusim.explore.sweep.front import with_front


def test_what_is_better_depends_on_the_column_and_errors_have_no_front():
    rows = [
        {"network": "a", "error": "", "accuracy": 90.0, "seconds_with_host": 1.0},
        {"network": "a", "error": "", "accuracy": 91.0, "seconds_with_host": 2.0},
        {"network": "a", "error": "", "accuracy": 90.5, "seconds_with_host": 2.0},
        {"network": "a", "error": "no such machine"},
        {"network": "b", "error": "", "seconds_with_host": 3.0},
        {"network": "b", "error": "", "seconds_with_host": 2.0, "area_um2": 5.0},
    ]
    marked = with_front(rows)
    assert [row.get("pareto") for row in marked] == [True, True, False, None, False, True]
    assert "pareto" not in rows[0]
    assert with_front([]) == []
