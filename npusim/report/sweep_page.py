"""The pictures of a sweep as a page, as SVG, or as PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import npusim
from npusim.errors import UnsupportedError
from npusim.report import compare_page
from npusim.report.standalone import standalone
from npusim.report.svg import text
from npusim.report.sweep_charts import (
    HEIGHT,
    MEASURES,
    OTHER,
    Row,
    drawn,
    first_charts,
    front_chart,
    good_rows,
    pairs_of,
)
from npusim.report.sweep_png import sweep_png

SUFFIXES = (".html", ".svg", ".png")
HEADING = 34
MOST_TABLE_ROWS = 40
COLUMNS = ("machine", "scheme", "bits", "settings", *MEASURES)


def require_plot_format(path: Path | None) -> None:
    """Raise UnsupportedError unless a picture can be written to `path`: before the long work."""
    if path is not None and path.suffix.lower() not in SUFFIXES:
        raise UnsupportedError(f"{path}: expected a name ending in {', '.join(SUFFIXES)}")


def plot_bytes(path: Path, rows: Sequence[Row], table_name: str) -> bytes:
    """Return the picture of a sweep's rows in the format that the suffix of `path` names.

    A page has every picture; SVG and PNG have the first of each network.
    """
    suffix = path.suffix.lower()
    if suffix == ".html":
        return sweep_page(rows, table_name).encode()
    return sweep_svg(rows).encode() if suffix == ".svg" else sweep_png(rows)


def sweep_page(rows: Sequence[Row], table_name: str) -> str:
    """Return the self-contained page; `table_name` is the file that holds the rows."""
    failed = sum(bool(row["error"]) for row in rows)
    parts = [
        "<h1>Machines, networks, schemes</h1>",
        f'<p class="lead">{len(rows)} points, {failed} of them with an error in place of figures. '
        "One circle a point, the digit is its bits; full colour is on the front of the two axes "
        "drawn, the line. Hover for the machine.</p>",
    ]
    for network in dict.fromkeys(row["network"] for row in rows):
        good = good_rows(rows, network)
        parts.append(f"<h2>{escape(network)}</h2>")
        if not good:
            parts.append("<p>Every point has an error.</p>")
        for x, y in pairs_of(good):
            left = len(good) - len(drawn(good, y))
            if left:
                parts.append(f"<p>{left} points of far lower accuracy are not drawn.</p>")
            parts.append(f"<figure>{front_chart(rows, network, x, y)}</figure>")
        parts.append(_front_table(good))
    parts.append(
        f"<footer><p>Every number is in <code>{escape(table_name)}</code>, at the row (from 0) and "
        "column in its <code>data-json</code>. Tables hold the points that no other of the network "
        "beats in accuracy, energy, time and area together. "
        f"npusim {escape(npusim.__version__)}.</p></footer>"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>Sweep of {len(rows)} points</title><style>{style()}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def style() -> str:
    """Return the page's style sheet."""
    own = f".{OTHER} {{ stroke: var(--ink) }} circle.{OTHER} {{ fill: var(--ink) }}"
    return f"{compare_page.style()}\n{own}"


def _front_table(good: Sequence[tuple[int, Row]]) -> str:
    best = [(i, row) for i, row in good if row["pareto"]]
    known = [key for key in COLUMNS if any(row.get(key) not in (None, "") for _, row in best)]
    head = "".join(f"<th>{escape(MEASURES[k].title if k in MEASURES else k)}</th>" for k in known)
    body = []
    for i, row in best[:MOST_TABLE_ROWS]:
        cells = []
        for key in known:
            value = row.get(key)
            exact = f' data-value="{value!r}"' if isinstance(value, int | float) else ""
            shown = "" if value is None else _shown(key, value)
            cells.append(f'<td data-json="/rows/{i}/{key}"{exact}>{escape(shown)}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    more = len(best) - len(body)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody>'
        f"</table></div>{f'<p>And {more} more.</p>' if more else ''}"
    )


def _shown(key: str, value: Any) -> str:
    if key not in MEASURES:
        return str(value)
    return f"{value * MEASURES[key].factor:,.4g}"


def sweep_svg(rows: Sequence[Row]) -> str:
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
    return standalone(inside, style())
