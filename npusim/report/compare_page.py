"""One self-contained page of a comparison: pictures, table, light and dark, no network needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from npusim.report import compare_charts as charts
from npusim.report.pages import Cell, Row, render

COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("variant", "scheme", str),
    ("bits", "bits", str),
    ("encoder", "encoder", str),
    ("bias_correction", "bias correction", str),
    ("code_bits_per_weight", "code bits a weight", lambda v: f"{v:.2f}"),
    ("stored_bits_per_weight", "stored bits a weight", lambda v: f"{v:.2f}"),
    ("bytes", "bytes", lambda v: f"{v:,}"),
    ("output_sqnr_db", "output SQNR, dB", lambda v: f"{v:.1f}"),
    ("agreement", "agreement, %", lambda v: f"{v:.2f}"),
    ("accuracy", "accuracy, %", lambda v: f"{v:.2f}"),
    ("cycles", "cycles", lambda v: f"{v:,}"),
    ("energy_pj", "energy, uJ", lambda v: f"{v['total'] / 1e6:.2f}"),
    ("host_cycles", "host cycles", lambda v: f"{v:,}"),
    ("host_energy_pj", "host energy, uJ", lambda v: f"{v / 1e6:.2f}"),
    ("area_um2", "area, mm2", lambda v: f"{v / 1e6:.3f}"),
)
"""What a row may hold, its heading and how it is shown; a column that no row holds is left out."""


def compare_page(data: Mapping[str, Any], json_name: str) -> str:
    """Return the page of a comparison; `json_name` is the file beside it that holds `data`."""
    rows, key = data["rows"], data["ranked_by"]
    ways = dict.fromkeys(charts.way(row) for row in rows)
    bits = sorted({row["bits"] for row in rows} - {None}, reverse=True)
    grids = [i for i, shown in enumerate(data["histograms"]) if shown["grids"]]
    return render(
        "compare",
        data=data,
        key=key,
        quality=charts.QUALITY[key],
        json_name=json_name,
        missing=len(rows) - len(charts.drawn(data, key)),
        drawn_points=charts.DRAWN_POINTS,
        front=_both(partial(charts.front, data, key)),
        costs=[
            {"name": name, **_both(partial(charts.cost, data, key, name))}
            for name in charts.COSTS
            if any(name in row for row in rows)
        ],
        by_bits={way: _both(partial(charts.by_bits, data, key, way)) for way in ways},
        histograms=[_both(partial(charts.histogram, data, i), charts.HALF) for i in grids],
        layer_charts={
            measure: [_both(partial(charts.layer_quality, data, b, measure)) for b in bits]
            for measure in charts.LAYER_QUALITY
        },
        **_smallest(data, key),
        **_table(rows),
    )


def _both(draw: Callable[[int], str], wide: int = charts.WIDTH) -> dict[str, str]:
    """Return a picture drawn for a desk and for a phone; a style sheet shows one of them."""
    return {"wide": draw(wide), "phone": draw(charts.PHONE)}


def _smallest(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the smallest row near the best, with its place in the JSON; None where none is."""
    rows = [(i, row) for i, row in enumerate(data["rows"]) if row[key] is not None]
    if not rows:
        return {"smallest": None, "reference": None}
    reference = data["float"].get(key, max(row[key] for _, row in rows))
    near = [(row["bytes"], i, row) for i, row in rows if row[key] >= reference - 1]
    if not near:
        return {"smallest": None, "reference": reference}
    _, place, row = min(near, key=lambda entry: entry[:2])
    return {"smallest": row, "place": place, "reference": reference}


def _table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    columns = [c for c in COLUMNS if any(c[0] in row for row in rows)]
    body = []
    for i, row in enumerate(rows):
        cells = []
        for key, _, show in columns:
            value = row.get(key)
            shown = "" if value is None else show(value)
            cells.append(Cell(shown, f"/rows/{i}/{key}", value))
        body.append(Row(cells, "pareto" if row["pareto"] else ""))
    return {"heads": [title for _, title, _ in columns], "rows": body}
