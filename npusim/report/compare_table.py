"""A comparison of schemes as a terminal table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from npusim.report.compare_page import COLUMNS


def compare_table(data: Mapping[str, Any]) -> Table:
    """Return the rows of a comparison, the Pareto front in bold."""
    rows = data["rows"]
    columns = [column for column in COLUMNS if any(column[0] in row for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key, title, _ in columns:
        table.add_column(title, justify="left" if key == "variant" else "right")
    for row in rows:
        cells = ["" if row.get(key) is None else show(row[key]) for key, _, show in columns]
        table.add_row(*cells, style="bold" if row["pareto"] else None)
    return table


def compare_csv(data: Mapping[str, Any]) -> str:
    """Return the rows of a comparison as CSV with exact numbers, keys as headings."""
    rows = data["rows"]
    keys = [key for key, _, _ in COLUMNS if any(key in row for row in rows)]
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(keys)
    for row in rows:
        writer.writerow(["" if row.get(key) is None else row[key] for key in keys])
    return content.getvalue()
