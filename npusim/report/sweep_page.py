"""The pictures of a sweep as a page, as SVG, or as PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import npusim
from npusim.errors import UnsupportedError
from npusim.report.compare_charts import PHONE
from npusim.report.pages import Cell, Row, render
from npusim.report.standalone import standalone
from npusim.report.svg import text
from npusim.report.sweep_charts import (
    HEIGHT,
    MEASURES,
    drawn,
    first_charts,
    front_chart,
    good_rows,
    pairs_of,
)
from npusim.report.sweep_charts import (
    Row as Point,
)
from npusim.report.terminal import counted

SUFFIXES = (".html", ".svg", ".png")
HEADING = 34
PNG_ZOOM = 2
"""Pixels of the .png for each unit of the .svg."""
MOST_TABLE_ROWS = 40
COLUMNS = ("machine", "scheme", "bits", "settings", *MEASURES)


def require_plot_format(path: Path | None) -> None:
    """Raise UnsupportedError unless a picture can be written to `path`: before the long work."""
    if path is not None and path.suffix.lower() not in SUFFIXES:
        raise UnsupportedError(f"{path}: expected a name ending in {', '.join(SUFFIXES)}")


def plot_bytes(path: Path, rows: Sequence[Point], table_name: str) -> bytes:
    """Return the picture of a sweep's rows in the format that the suffix of `path` names.

    A page has every picture; SVG and PNG have the first of each network.
    """
    suffix = path.suffix.lower()
    if suffix == ".html":
        return sweep_page(rows, table_name).encode()
    return sweep_svg(rows).encode() if suffix == ".svg" else sweep_png(rows)


def sweep_page(rows: Sequence[Point], table_name: str) -> str:
    """Return the self-contained page; `table_name` is the file that holds the rows."""
    return render(
        "sweep",
        points=len(rows),
        failed=sum(bool(row["error"]) for row in rows),
        networks=[_network(rows, name) for name in dict.fromkeys(row["network"] for row in rows)],
        table_name=table_name,
        version=npusim.__version__,
    )


def _network(rows: Sequence[Point], name: str) -> dict[str, Any]:
    """Return what the page shows of one network: pictures, and the table of its front."""
    good = good_rows(rows, name)
    best = [(i, row) for i, row in good if row["pareto"]]
    known = [key for key in COLUMNS if any(row.get(key) not in (None, "") for _, row in best)]
    return {
        "name": name,
        "good": good,
        "charts": [
            {
                "left_out": len(good) - len(drawn(good, y)),
                "left_out_words": counted(len(good) - len(drawn(good, y)), "point"),
                "wide": front_chart(rows, name, x, y),
                "phone": front_chart(rows, name, x, y, PHONE),
            }
            for x, y in pairs_of(good)
        ],
        "heads": [MEASURES[key].title if key in MEASURES else key for key in known],
        "rows": [
            Row([Cell(shown(key, row.get(key)), f"/rows/{i}/{key}", row.get(key)) for key in known])
            for i, row in best[:MOST_TABLE_ROWS]
        ],
        "more": len(best[MOST_TABLE_ROWS:]),
    }


def shown(key: str, value: Any) -> str:
    """Return the cell of column `key` in the units of its title."""
    if value is None:
        return ""
    if key not in MEASURES:
        return str(value)
    factor = MEASURES[key].factor
    return f"{value:,}" if isinstance(value, int) and factor == 1 else f"{value * factor:,.4g}"


def sweep_svg(rows: Sequence[Point]) -> str:
    """Return the first picture of each network, one under the other, as an .svg file."""
    parts, y = [], 0
    for network, pair in first_charts(rows):
        parts.append(text(16, y + 24, network, "axis"))
        chart = front_chart(rows, network, *pair)
        width = re.match(r'<svg viewBox="0 0 (\d+) ', chart)
        assert width is not None
        place = f'<svg x="0" y="{y + HEADING}" width="{width[1]}" height="{HEIGHT}" '
        parts.append(chart.replace("<svg ", place, 1))
        y += HEADING + HEIGHT
    inside = f'<svg viewBox="0 0 1040 {max(y, HEADING)}">{"".join(parts)}</svg>'
    return standalone(inside)


def sweep_png(rows: Sequence[Point]) -> bytes:
    """Return what `sweep_svg` draws as a .png file."""
    from resvg_py import svg_to_bytes

    return svg_to_bytes(svg_string=sweep_svg(rows), zoom=PNG_ZOOM)
