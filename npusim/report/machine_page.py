"""One self-contained page of a run on the machine: pictures, table, light and dark, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from npusim.analysis.ex_activity import EX_PARTS
from npusim.codes import ARRAY_FORMATS
from npusim.report.machine_charts import CHARTS, PHONE, WIDE, energy_text
from npusim.report.machine_words import conformance_text, energy_model_text, lead, span
from npusim.report.timeline_charts import KIND_DESCRIPTIONS

HERE = Path(__file__).parent
STYLES = ("page.css", "machine.css")
SECTIONS = {
    "cycles": (
        "Where the cycles go",
        "What EX, the engine that computes, does for each layer. <em>Array multiplies</em> are "
        "the cycles with operands at the array; a wait counts to the layer that waits.",
    ),
    "energy": (
        "Where the energy goes",
        "The energy of each layer, by component; docs/energy.md says what the figures mean.",
    ),
    "roofline": (
        "Roofline",
        "What the array (flat) and the bus (slope) allow, and what each layer reaches; a dot's "
        "area grows with the layer's cycles. LD and ST have a data port each: bytes are those of "
        "the busier one. A layer's loads may run during the layer before, so a dot may lie above "
        "the slope.",
    ),
    "timeline": (
        "Timeline",
        "The share of its time that each engine spends on what, over the whole run; empty is idle.",
    ),
    "scratchpads": (
        "Scratchpads",
        "Words whose content is still to be read, the most in each part of the run, as a share of "
        "the scratchpad. Each axis ends where its peak needs it to.",
    ),
}


def style() -> str:
    """Return the page's style sheet."""
    products = ", ".join(f".array_{name}" for name in ARRAY_FORMATS)
    sheets = (HERE / name for name in STYLES)
    return f"{products} {{ fill: var(--deep) }}\n" + "".join(
        sheet.read_text(encoding="utf-8") for sheet in sheets
    )


def machine_page(data: Mapping[str, Any]) -> str:
    """Return the page of a report; `data` as machine_data returns it, and embedded whole."""
    results = data["results"]
    title = f"{results['model']} on {data['machine']['name']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{lead(data)}</p>',
        _tiles(data),
        f"<p>{conformance_text(data)}</p>",
    ]
    for name, (heading, words) in SECTIONS.items():
        wide, phone = CHARTS[name](data, WIDE), CHARTS[name](data, PHONE)
        if not wide:
            continue
        if name == "energy":
            words = energy_model_text(data) + words
        parts.append(f"<h2>{heading}</h2><p>{words}</p>")
        parts.append(
            f'<figure data-chart="{name}"><div class="wide">{wide}</div>'
            f'<div class="phone">{phone}</div></figure>'
        )
        if name == "timeline":
            parts.append(_zoom(data))
    parts += ["<h2>Every layer</h2>", layer_table(data), _footer(data)]
    script = (HERE / "machine_page.js").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{style()}</style></head>"
        f"<body><main>{''.join(parts)}</main>{_embedded('report-data', data)}"
        f"{_embedded('kind-words', KIND_DESCRIPTIONS)}<script>{script}</script></body></html>\n"
    )


def _embedded(name: str, content: Any) -> str:
    """Return JSON that no name inside can end early, for the page's script and for readers."""
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _tiles(data: Mapping[str, Any]) -> str:
    results, machine = data["results"], data["machine"]
    cycles = data["cycles"]
    macs_per_cycle = results["macs"] / max(cycles, 1)
    seconds = cycles / machine["frequency_hz"]
    tiles = [
        (span("/cycles", cycles, f"{cycles:,}"), "cycles a sample"),
        (f"{1e3 * seconds:.3g} ms", f"at {machine['frequency_hz'] / 1e6:g} MHz"),
        (
            f"{macs_per_cycle:.1f}",
            f"MACs a cycle, {100 * macs_per_cycle / machine['peak_macs_per_cycle']:.1f} % "
            f"of {machine['peak_macs_per_cycle']:,}",
        ),
        (span("/results/macs", results["macs"], f"{results['macs']:,}"), "MACs a sample"),
        (
            span("/results/dram_bytes", results["dram_bytes"], f"{results['dram_bytes']:,}"),
            "DRAM bytes of LD and ST",
        ),
    ]
    energy = results.get("energy_pj")
    if energy is not None:
        total = energy["total"]
        tiles.append((span("/results/energy_pj/total", total, energy_text(total)), "a sample"))
    area = results.get("area_um2")
    if area is not None:
        shown = span("/results/area_um2", area, f"{area / 1e6:.3g} mm²")
        tiles.append((shown, f"area, {escape(results['technology'])}"))
    items = (f"<li><b>{value}</b><span>{words}</span></li>" for value, words in tiles)
    return f'<ul class="tiles">{"".join(items)}</ul>'


def _zoom(data: Mapping[str, Any]) -> str:
    """Return the zoomable timeline: drawn by the page's script from the embedded slices."""
    layers = "".join(
        f'<option value="{i}">{escape(layer["name"])}</option>'
        for i, layer in enumerate(data["layers"])
    )
    coarse = max(engine["joined_below_cycles"] for engine in data["engines"].values())
    said = (
        f" Neighbours of less than {coarse} cycles are drawn as one; the trace has each."
        if coarse
        else ""
    )
    return (
        "<p>Every instruction, to zoom into: choose a layer, drag over a span, or use the buttons; "
        f"a double click shows all. Waits are drawn low.{said}</p>"
        '<figure data-chart="zoom"><div class="tools">'
        '<select id="layer" aria-label="layer"><option value="-1">the whole run</option>'
        f"{layers}</select>"
        '<button id="in" title="zoom in">+</button>'
        '<button id="out" title="zoom out">\u2212</button>'
        '<button id="left" title="earlier">\u25c0</button>'
        '<button id="right" title="later">\u25b6</button><span id="range"></span></div>'
        '<div id="zoom"><noscript>The zoom needs JavaScript.</noscript></div></figure>'
    )


def layer_table(data: Mapping[str, Any]) -> str:
    """Return the table of the layers that the machine executes."""
    rows = data["results"]["layers"]
    has_energy = any("energy_pj" in rows[layer["result"]] for layer in data["layers"])
    heads = ["layer", "operator", "MACs", "cycles", "array %", "EX useful %", "stall fetch",
             "stall prev", "stall next", "DRAM bytes"]  # fmt: skip
    heads += ["energy"] if has_energy else []
    body = []
    for i, layer in enumerate(data["layers"]):
        place = layer["result"]
        row = rows[place]
        cells = [f"<td>{escape(layer['name'])}</td>", f"<td>{escape(layer['operator'])}</td>"]
        pointer = f"/results/layers/{place}"
        cells.append(_cell(f"{pointer}/macs", row["macs"], f"{row['macs']:,}"))
        cells.append(_cell(f"{pointer}/cycles", row["cycles"], f"{row['cycles']:,}"))
        used = f"{100 * row['utilization']:.1f}" if row["macs"] else ""
        cells.append(_cell(f"{pointer}/utilization", row["utilization"], used))
        parts = layer["ex_cycles"]
        working = sum(parts[name] for name in EX_PARTS[:4])
        cells.append(f"<td>{100 * working / max(sum(parts.values()), 1):.1f}</td>")
        for cause in ("fetch", "prev", "next"):
            value = row["stall_cycles"][cause]
            cells.append(_cell(f"{pointer}/stall_cycles/{cause}", value, f"{value:,}"))
        moved = row["dram_bytes"]
        cells.append(_cell(f"{pointer}/dram_bytes", moved, f"{moved:,}"))
        if has_energy:
            total = row["energy_pj"]["total"]
            cells.append(_cell(f"{pointer}/energy_pj/total", total, energy_text(total)))
        body.append(f'<tr data-layer="{i}">{"".join(cells)}</tr>')
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody>'
        "</table></div>"
    )


def _cell(pointer: str, value: float, shown: str) -> str:
    return f'<td data-json="{pointer}" data-value="{value!r}">{shown}</td>'


def _footer(data: Mapping[str, Any]) -> str:
    machine = data["machine"]
    return (
        f"<footer><p>{escape(machine['name'])}: array {machine['size']} x {machine['size']} "
        f"({escape(', '.join(machine['formats']))}), bus {machine['bus_bytes']} bytes, memory "
        f"{escape(machine['memory'])} with {machine['latency_cycles']} cycles to the first beat, "
        f"{machine['frequency_hz'] / 1e6:g} MHz. {data['instructions']:,} instructions. Every "
        "number is in the JSON embedded in this page (element <code>report-data</code>), at the "
        "JSON pointer in its <code>data-json</code>. "
        f"npusim {escape(data['results'].get('npusim_version', ''))}.</p></footer>"
    )
