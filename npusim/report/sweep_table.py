"""The points of a sweep for a terminal: all of a small one, else those that no other beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from npusim.report.sheet import Column, Sheet
from npusim.report.sweep_charts import MEASURES
from npusim.report.sweep_page import COLUMNS, shown

MOST_ROWS = 24
RANKS = {"settings": 3, "bytes": 2, "area_um2": 1}
"""Columns that give way in a narrow terminal, the greatest first."""


def sweep_sheet(rows: Sequence[Mapping[str, Any]], network: str) -> tuple[Sheet, str]:
    """Return the rows of a network, the Pareto front in bold, and what of them is not shown."""
    good = [row for row in rows if row["network"] == network and not row["error"]]
    front = [row for row in good if row["pareto"]]
    listed = good if len(good) <= MOST_ROWS else front[:MOST_ROWS]
    known = [key for key in COLUMNS if any(row.get(key) not in (None, "") for row in listed)]
    names = ("machine", "scheme", "settings")
    sheet = Sheet(
        [
            Column(
                MEASURES[key].title if key in MEASURES else key,
                RANKS.get(key, 0), is_name=key == "machine", is_text=key in names,
            )
            for key in known
        ]
    )  # fmt: skip
    for row in listed:
        sheet.add(*(shown(key, row.get(key)) for key in known), bold=row["pareto"])
    words = f"{network}: {len(front)} of {len(good)} points on the Pareto front"
    hidden = "" if listed is good else f", {len(listed)} of them shown"
    return sheet, words + hidden
