"""One self-contained page of a comparison: pictures, table, light and dark, no network needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from npusim.codes.schemes import SCHEME_FAMILIES, colour_rules
from npusim.report import compare_charts as charts

COLUMNS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("variant", "scheme", str),
    ("bits", "bits", str),
    ("bias_correction", "bias correction", str),
    ("code_bits_per_weight", "code bits a weight", lambda v: f"{v:.2f}"),
    ("stored_bits_per_weight", "stored bits a weight", lambda v: f"{v:.2f}"),
    ("bytes", "bytes", lambda v: f"{v:,}"),
    ("output_sqnr_db", "output SQNR, dB", lambda v: f"{v:.1f}"),
    ("agreement", "agreement, %", lambda v: f"{v:.2f}"),
    ("accuracy", "accuracy, %", lambda v: f"{v:.2f}"),
    ("cycles", "cycles", lambda v: f"{v:,}"),
    ("energy_pj", "energy, uJ", lambda v: f"{v['total'] / 1e6:.2f}"),
    ("area_um2", "area, mm2", lambda v: f"{v / 1e6:.3f}"),
)
"""What a row may hold, its heading and how it is shown; a column that no row holds is left out."""

STYLES = tuple(Path(__file__).with_name(name) for name in ("page.css", "compare.css"))


def compare_page(data: Mapping[str, Any], json_name: str) -> str:
    """Return the page of a comparison; `json_name` is the file beside it that holds `data`."""
    rows = data["rows"]
    key = data["ranked_by"]
    corrections = list(dict.fromkeys(row["bias_correction"] for row in rows))
    bits = sorted({row["bits"] for row in rows}, reverse=True)
    parts = [
        f"<h1>{escape(data['model'])}: what each scheme costs and keeps</h1>",
        f'<p class="lead">{_lead(data, key)}</p>',
        "<h2>Bytes against quality</h2>",
        "<p>One circle per scheme and number of bits (the digit inside); full colour is on the "
        "Pareto front. Bytes count codes, tables, multipliers, shifts and biases."
        f"{_left_out(data, key)}</p>",
        _figure(charts.front(data, key)),
        "<h2>At equal multiplier bits, and at equal storage</h2>",
        "<p>PWLQ multiplies b bits and stores b + 1; multipoint stores b bits a point. So the same "
        "rows are drawn against both.</p>",
    ]
    for correction in corrections:
        heading = f"<p><strong>Bias correction: {correction}</strong></p>"
        parts += [heading if len(corrections) > 1 else "",
                  _figure(charts.by_bits(data, key, correction))]  # fmt: skip
    grids = [i for i, shown in enumerate(data["histograms"]) if shown["grids"]]
    if grids:
        parts.append("<h2>Where the weights are, and where the grids put their levels</h2>")
        parts.append(
            "<p>Weights over the greatest of their channel; each row of ticks is every value that "
            "the 4-bit codes of one channel (of median range) can take, and how many they are.</p>"
        )
        pictures = (_figure(charts.histogram(data, i)) for i in grids)
        parts.append(f'<div class="pair">{"".join(pictures)}</div>')
    parts.append("<h2>Weights, layer by layer</h2>")
    parts += [_figure(charts.layer_quality(data, b)) for b in bits]
    parts += ["<h2>Every row</h2>", _table(rows), _footer(data, json_name)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(data['model'])}: schemes compared</title><style>{style()}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def style() -> str:
    """Return the page's style sheet."""
    colours = (
        f".{name} {{ stroke: var(--{name}) }} circle.{name} {{ fill: var(--{name}) }}"
        for name in SCHEME_FAMILIES
    )
    sheets = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    return sheets + colour_rules() + "\n".join(colours)


def _left_out(data: Mapping[str, Any], key: str) -> str:
    rows, shown = data["rows"], charts.drawn(data, key)
    if len(rows) == len(shown):
        return ""
    missing = len(rows) - len(shown)
    few = sum(row["code_bits_per_weight"] <= charts.LEAST_CODE_BITS for row in rows)
    return (
        f" {missing} rows are in the table only: {few} of 2 code bits a weight, where every scheme "
        f"fails without fine-tuning, and {missing - few} that lie more than "
        f"{charts.DRAWN_POINTS:.0f} below the best."
    )


def _lead(data: Mapping[str, Any], key: str) -> str:
    """Return one sentence on the smallest row near the best, with its place in the JSON."""
    rows = [(i, row) for i, row in enumerate(data["rows"]) if row[key] is not None]
    if not rows:
        return ""
    reference = data["float"].get(key, max(row[key] for _, row in rows))
    near = [(row["bytes"], i, row) for i, row in rows if row[key] >= reference - 1]
    if not near:
        return f"No row comes within one point of {reference:.2f} ({charts.QUALITY[key]})."
    size, i, row = min(near, key=lambda entry: entry[:2])
    ratio = data["float"]["bytes"] / size
    against = "the float network" if key in data["float"] else "the best row"
    correction = row["bias_correction"]
    corrected = "" if correction == "none" else f" with {correction} bias correction"
    return (
        f"Smallest within one point of {against}: <strong>{escape(row['variant'])} at "
        f'{row["bits"]} bits</strong>{corrected}, <span data-json="/rows/{i}/{key}" '
        f'data-value="{row[key]!r}">{row[key]:.2f}</span> ({charts.QUALITY[key]}) in '
        f'<span data-json="/rows/{i}/bytes" data-value="{size}">{size:,}</span> bytes, '
        f"{ratio:.1f} times smaller than float32."
    )


def _figure(content: str) -> str:
    return f"<figure>{content}</figure>" if content else ""


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = [c for c in COLUMNS if any(c[0] in row for row in rows)]
    head = "".join(f"<th>{escape(title)}</th>" for _, title, _ in columns)
    body = []
    for i, row in enumerate(rows):
        cells = []
        for key, _, show in columns:
            value = row.get(key)
            shown = "" if value is None else escape(show(value))
            exact = f' data-value="{value!r}"' if isinstance(value, int | float) else ""
            cells.append(f'<td data-json="/rows/{i}/{key}"{exact}>{shown}</td>')
        body.append(f'<tr class="{"pareto" if row["pareto"] else ""}">{"".join(cells)}</tr>')
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody>'
        "</table></div>"
    )


def _footer(data: Mapping[str, Any], json_name: str) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in data["notes"])
    return (
        f"<footer><p>{data['evaluation_samples']} samples evaluated, "
        f"{data['calibration_samples']} calibrated; activations int8, rounding half_up, executed "
        f"bit-exactly. Diamonds mark the Pareto front. Every number stands in "
        f"<code>{escape(json_name)}</code>, at the JSON pointer in its <code>data-json</code>. "
        f"npusim {escape(data['npusim_version'])}.</p><ul>{notes}</ul></footer>"
    )
