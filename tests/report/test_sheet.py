"""Tables in a narrow terminal: a number is shown whole or its column is not there."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from npusim.report.sheet import Column, Sheet

ROWS = [("layer_with_a_very_long_name_0", "Conv2D", "1,234,567,890", "97.78"),
        ("layer_with_a_very_long_name_1", "FullyConnected", "12", "100.00")]  # fmt: skip
COLUMNS = (Column("layer", is_name=True, footer="total"), Column("operator", 2, is_text=True),
           Column("accumulates", 1, footer="1,234,567,902"), Column("accuracy, %"))  # fmt: skip


def shown(width: int) -> str:
    content = io.StringIO()
    sheet = Sheet(COLUMNS)
    for row in ROWS:
        sheet.add(*row)
    sheet.show(Console(file=content, width=width))
    return content.getvalue()


@pytest.mark.parametrize("width", range(24, 120, 3))
def test_no_number_is_cut_at_any_width(width: int) -> None:
    text = shown(width)
    table = text.split("(columns left out")[0]
    assert max(map(len, table.splitlines())) <= width
    for row in ROWS:
        assert row[3] in table
        assert (row[2] in table) == ("1,234,567,902" in table)
        said = " ".join(text.split("(columns left out")[1:]).split()
        assert (row[2] in table) != ("accumulates)" in said or "accumulates," in said)


def test_columns_give_way_by_rank_and_names_in_their_middle() -> None:
    assert "operator" in shown(100)
    narrow = shown(40)
    assert "left out for the terminal's width: operator" in " ".join(narrow.split())
    assert "1,234,567,890" in narrow
    assert "\u2026" in narrow
    assert "name_0" in narrow or "_0 " in narrow
