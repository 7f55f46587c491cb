"""The Pareto front of a sweep: the points that no other point beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from npusim.analysis.pareto import on_front

OBJECTIVES = {"accuracy": -1, "energy_with_host_pj": 1, "seconds_with_host": 1, "area_um2": 1}
"""What is weighed, by column: 1 where less is better; left out where a point does not know it."""


def with_front(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with `pareto`: whether none of the network's is as good and better in one.

    A row with an error has no `pareto`.
    """
    marked = [dict(row) for row in rows]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in marked:
        if not row["error"]:
            groups.setdefault(row["network"], []).append(row)
    for group in groups.values():
        known = [key for key in OBJECTIVES if all(key in row for row in group)]
        costs = [[OBJECTIVES[key] * row[key] for key in known] for row in group]
        for row, best in zip(group, on_front(costs), strict=True):
            row["pareto"] = bool(best)
    return marked
