"""A comparison of schemes as a terminal table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from npusim.report.compare_page import COLUMNS
from npusim.report.sheet import Column, Sheet

RANKS = {
    "encoder": 6, "bias_correction": 5, "code_bits_per_weight": 4, "stored_bits_per_weight": 3,
    "area_um2": 2, "host_energy_pj": 2, "agreement": 1, "output_sqnr_db": 1,
}  # fmt: skip
"""Which columns give way in a narrow terminal, the greatest first; others never do, nor does the
encoder where rows differ in it."""


def compare_sheet(data: Mapping[str, Any]) -> Sheet:
    """Return the rows of a comparison, the Pareto front in bold."""
    rows = data["rows"]
    columns = [column for column in COLUMNS if any(column[0] in row for row in rows)]
    ranks = RANKS | ({"encoder": 0} if len({row["encoder"] for row in rows}) > 1 else {})
    sheet = Sheet(
        [Column(title, ranks.get(key, 0), is_name=key == "variant") for key, title, _ in columns]
    )
    for row in rows:
        cells = ["" if row.get(key) is None else show(row[key]) for key, _, show in columns]
        sheet.add(*cells, bold=row["pareto"])
    return sheet


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
