"""The pictures of a comparison of schemes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from npusim.analysis.pareto import on_front
from npusim.codes.schemes import family
from npusim.report.svg import Axis, LogAxis, Plot, picture, text

WIDTH = 1040
PHONE = 360
HALF = 508
"""Widths that pictures are drawn for, in CSS pixels."""
LEFT, RIGHT = 64, 16
"""Room beside a plot."""
TOP = 56
MARK = 9
"""Radius of a row's circle."""
ROW = 18
"""Height of a line of the legend."""
DASHES = ("", "7 4", "2 4", "9 3 2 3")
QUALITY = {
    "accuracy": "top-1 accuracy, %",
    "agreement": "top-1 agreement with the float network, %",
    "output_sqnr_db": "SQNR of the output, dB",
}

DRAWN_POINTS = 25.0
"""Percentage points under the best row down to which rows are drawn."""

LEAST_BETWEEN_NAMES = 14
"""Pixels between names below a plot; where there are fewer, some are left out."""
WIDEST_TICK = 1.5
INKED_SHARE = 0.3
"""Of the space between two values of a grid, so that a dense grid is grey and not a bar."""

Row = Mapping[str, Any]


def dash(variant: str, variants: Sequence[str]) -> str:
    """Return the dash pattern that tells a variant from others of its family."""
    siblings = [name for name in variants if family(name) == family(variant)]
    return DASHES[siblings.index(variant) % len(DASHES)]


def variants_of(rows: Sequence[Row]) -> list[str]:
    """Return the variants in the order of their rows."""
    return list(dict.fromkeys(row["variant"] for row in rows))


def way(row: Row) -> tuple[str, str]:
    """Return how a row's codes and biases were found: its encoder and bias correction."""
    return row["encoder"], row["bias_correction"]


def bits_of(row: Row) -> str:
    """Return what a row's circle shows: its bits, or that its layers have their own."""
    return "*" if row["bits"] is None else str(row["bits"])


def describe(row: Row, key: str) -> str:
    """Return a row in words."""
    value = "none" if row[key] is None else f"{row[key]:.2f}"
    encoder, correction = way(row)
    extra = f", {encoder}" + ("" if correction == "none" else f", bias correction {correction}")
    bits = "" if row["bits"] is None else f", {row['bits']} bits"
    return (
        f"{row['variant']}{bits}{extra}: {value} ({QUALITY[key]}), "
        f"{row['bytes']:,} bytes, {row['stored_bits_per_weight']:.2f} stored bits a weight"
    )


def _span(values: Sequence[float], floor: float | None = None) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 1.0
    return (low - room if floor is None else max(floor, low - room)), high + room


def drawn(data: Mapping[str, Any], key: str) -> list[tuple[int, Row]]:
    """Return the rows worth a mark with their places; the page says how many are left out."""
    rows = [(i, row) for i, row in enumerate(data["rows"]) if row[key] is not None]
    floor = max((row[key] for _, row in rows), default=0.0) - DRAWN_POINTS
    return [(i, row) for i, row in rows if row[key] >= floor]


def legend(variants: Sequence[str], width: int) -> tuple[str, int]:
    """Return colour, dash and name of each variant, and where the plot below them begins."""
    parts, x, y = [], float(LEFT), 20
    for name in variants:
        room = 52 + 7.2 * len(name)
        if x > LEFT and x + room - 20 > width:
            x, y = float(LEFT), y + ROW
        parts.append(
            f'<line class="line {family(name)}" x1="{x}" x2="{x + 26}" y1="{y - 4}" y2="{y - 4}" '
            f'stroke-dasharray="{dash(name, variants)}"/>'
        )
        parts.append(text(x + 32, y, name, "key"))
        x += room
    return "".join(parts), y + TOP - 20


def front(data: Mapping[str, Any], key: str, width: int = WIDTH) -> str:
    """Return bytes against quality: every row, the Pareto front, the float network."""
    shown = drawn(data, key)
    if not shown:
        return ""
    values = [row[key] for _, row in shown]
    reference = data["float"].get(key)
    if reference is not None:
        values = [*values, reference]
    start, top = legend(variants_of(data["rows"]), width)
    plot = Plot(
        Axis(*_span([row["bytes"] / 1000 for _, row in shown], 0.0), LEFT, width - RIGHT),
        Axis(*_span(values), top + 344, top),
    )
    parts = [start, plot.frame("stored, kB", QUALITY[key], _few(plot.x, width))]
    if reference is not None:
        y = plot.y.at(reference)
        parts.append(
            f'<line class="float" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        note = f"float network {reference:.2f}, {data['float']['bytes'] / 1000:,.0f} kB"
        marks = [(plot.x.at(row["bytes"] / 1000), plot.y.at(row[key])) for _, row in shown]
        parts.append(_beside(note, y, width, marks))
    best = sorted(
        ((row["bytes"] / 1000, row[key]) for _, row in shown if row["pareto"]), key=lambda p: p[0]
    )
    parts.append(plot.line(best, "front"))
    for i, row in shown:
        css = f"{family(row['variant'])} {'on' if row['pareto'] else 'off'}"
        parts.append(
            plot.mark(
                row["bytes"] / 1000, row[key], css, describe(row, key),
                f"/rows/{i}/{key}", row[key], bits_of(row),
            )
        )  # fmt: skip
    return picture(width, top + 390, "bytes against quality", "".join(parts))


def _beside(note: str, y: float, width: int, marks: Sequence[tuple[float, float]]) -> str:
    """Return a text above or below the line at `y`, at the end where it hides the fewest marks."""
    length = 6.4 * len(note)

    def hidden(place: tuple[float, float]) -> int:
        x, base = place
        return sum(
            x - MARK < mark_x < x + length + MARK and base - 10 - MARK < mark_y < base + MARK
            for mark_x, mark_y in marks
        )

    places = [(x, base) for x in (LEFT + 8, width - RIGHT - length) for base in (y - 6, y + 16)]
    x, base = min(places, key=hidden)
    return text(x, base, note, "tick")


COSTS: dict[str, tuple[str, Callable[[Row], float]]] = {
    "cycles": ("cycles of a sample", lambda row: float(row["cycles"])),
    "energy_pj": ("energy of a sample, uJ", lambda row: float(row["energy_pj"]["total"]) / 1e6),
}
"""What a row costs on a machine: the axis and its value."""


def cost(data: Mapping[str, Any], key: str, measure: str, width: int = WIDTH) -> str:
    """Return a cost on the machine against quality, with the front of these two."""
    title, value = COSTS[measure]
    shown = [(i, row, value(row)) for i, row in drawn(data, key) if measure in row]
    if not shown:
        return ""
    start, top = legend(variants_of(data["rows"]), width)
    plot = Plot(
        Axis(*_span([x for _, _, x in shown], 0.0), LEFT, width - RIGHT),
        Axis(*_span([row[key] for _, row, _ in shown]), top + 344, top),
    )
    kept = on_front([(x, -row[key]) for _, row, x in shown])
    best = sorted({(x, row[key]) for (_, row, x), on in zip(shown, kept, strict=True) if on})
    parts = [start, plot.frame(title, QUALITY[key], _few(plot.x, width)), plot.line(best, "front")]
    for i, row, x in shown:
        css = f"{family(row['variant'])} {'on' if (x, row[key]) in best else 'off'}"
        words = f"{describe(row, key)}, {x:,.6g} {title}"
        parts.append(plot.mark(x, row[key], css, words, f"/rows/{i}/{key}", row[key], bits_of(row)))
    return picture(width, top + 390, f"{title} against quality", "".join(parts))


def _few(axis: Axis | LogAxis, width: int) -> list[float] | None:
    """Return fewer ticks for a phone; None: as many as there are."""
    return axis.ticks(3) if width < WIDTH else None


def by_bits(data: Mapping[str, Any], key: str, chosen: tuple[str, str], width: int = WIDTH) -> str:
    """Return quality against the multiplier's bits and the bits stored, of rows found one way.

    Beside each other, or on a phone one below the other.
    """
    rows = data["rows"]
    of_bits = [(i, row) for i, row in drawn(data, key) if row["bits"] is not None]
    indexed = [(i, row) for i, row in of_bits if way(row) == chosen]
    if not indexed:
        return ""
    variants = variants_of([row for row in rows if row["bits"] is not None])
    start, top = legend(variants, width)
    parts, below = [start], 0 if width == WIDTH else 310
    first = (LEFT, 520) if not below else (LEFT, width - RIGHT)
    second = (596, width - RIGHT) if not below else first
    halves = (
        ("bits", "bits of the multiply", first, top),
        ("stored_bits_per_weight", "bits stored per weight, in all", second, top + below),
    )
    for position, label, ends, begin in halves:
        low, high = _span([row[position] for _, row in indexed])
        y = Axis(*_span([row[key] for _, row in indexed]), begin + 244, begin)
        plot = Plot(Axis(low, high, *ends), y)
        ticks = sorted({row["bits"] for _, row in indexed}) if position == "bits" else None
        parts.append(plot.frame(label, QUALITY[key], ticks))
        for name in variants:
            own = sorted(
                ((row[position], row[key], i, row) for i, row in indexed if row["variant"] == name),
                key=lambda point: point[:3],
            )
            if own:
                points = [(x, value) for x, value, _, _ in own]
                parts.append(plot.line(points, family(name), dash(name, variants)))
            parts += [
                plot.mark(x, value, family(name), describe(row, key), f"/rows/{i}/{key}", value)
                for x, value, i, row in own
            ]
    height = top + 290 + below
    return picture(width, height, f"quality by bits, {', '.join(chosen)}", "".join(parts))


LAYER_QUALITY = {
    "output_sqnr_db": "of this layer's output",
    "alone_db": "coded: only this layer",
    "all_but_db": "coded: all but this layer",
    "cumulative_db": "coded: up to this layer",
}
"""What SQNRs are drawn of each layer, and what the axis says."""


def layer_quality(
    data: Mapping[str, Any], bits: int, measure: str = "output_sqnr_db", width: int = WIDTH
) -> str:
    """Return a picture of LAYER_QUALITY, one line a variant.

    Of the rows found like the last one: a comparison names its encoders from worse to better.
    """
    last = way(data["rows"][-1])
    rows = [
        (i, row) for i, row in enumerate(data["rows"]) if row["bits"] == bits and way(row) == last
    ]
    values = [
        layer[measure] for _, row in rows for layer in row["layers"]
        if layer.get(measure) is not None
    ]  # fmt: skip
    if not values:
        return ""
    layers = [layer["name"] for layer in rows[0][1]["layers"]]
    variants = variants_of([row for _, row in rows])
    start, top = legend(variants, width)
    bottom = top + 194
    plot = Plot(
        Axis(-0.3, max(len(layers) - 0.7, 0.3), LEFT, width - RIGHT),
        Axis(*_span(values), bottom, top),
    )
    parts = [start, plot.frame("", f"SQNR at {bits} bits, dB, {LAYER_QUALITY[measure]}", [])]
    every = -(-len(layers) * LEAST_BETWEEN_NAMES // (width - LEFT - RIGHT))
    for i, name in list(enumerate(layers))[::every]:
        x = plot.x.at(i)
        parts.append(
            f'<text class="tick end" transform="translate({x + 4:.1f} {bottom + 16}) rotate(-35)">'
            f"{escape(name[:24])}</text>"
        )
    for r, row in rows:
        css, name = family(row["variant"]), row["variant"]
        own = [
            (j, layer[measure]) for j, layer in enumerate(row["layers"])
            if layer.get(measure) is not None
        ]  # fmt: skip
        if own:
            parts.append(plot.line(own, css, dash(name, variants)))
        parts += [
            plot.mark(j, value, css, f"{layers[j]}, {name} {bits}: {value:.2f} dB",
                      f"/rows/{r}/layers/{j}/{measure}", value)
            for j, value in own
        ]  # fmt: skip
    title = f"SQNR at {bits} bits, {LAYER_QUALITY[measure]}"
    return picture(width, top + 284, title, "".join(parts))


def histogram(data: Mapping[str, Any], index: int, width: int = HALF) -> str:
    """Return a layer's weight histogram, with each scheme's grid as a row of ticks under it."""
    shown = data["histograms"][index]
    counts, edges, grids = shown["counts"], shown["edges"], shown["grids"]
    base = 170
    plot = Plot(Axis(-1.0, 1.0, 136, width - 46), Axis(0.0, float(max(counts) or 1), base, 34))
    parts = [text(136, 20, shown["layer"], "axis")]
    for i, count in enumerate(counts):
        x0, x1 = plot.x.at(edges[i]), plot.x.at(edges[i + 1])
        y = plot.y.at(count)
        parts.append(
            f'<rect class="bar" data-json="/histograms/{index}/counts/{i}" data-value="{count}" '
            f'x="{x0:.2f}" y="{y:.2f}" width="{max(x1 - x0 - 0.6, 0.4):.2f}" '
            f'height="{base - y:.2f}"><title>{edges[i]:.2f} to {edges[i + 1]:.2f}: {count} weights'
            f"</title></rect>"
        )
    y = base + 18.0
    for name, grid in grids.items():
        parts.append(text(128, y + 4, name, "key end"))
        levels = [v for v in grid["levels"] if -1.02 <= v <= 1.02]
        ticks = "".join(f"M{plot.x.at(v):.2f} {y - 6:.1f}v12" for v in levels)
        spacing = (plot.x.end - plot.x.start) / max(len(levels), 1)
        parts.append(text(width - 36, y + 4, str(len(grid["levels"])), "tick"))
        parts.append(
            f'<path class="rug {family(name)}" d="{ticks}" '
            f'stroke-width="{min(WIDEST_TICK, INKED_SHARE * spacing):.2f}" '
            f'data-json="/histograms/{index}/grids/{name}/levels" '
            f'data-value="{len(grid["levels"])}">'
            f"<title>{name}: {len(grid['levels'])} values of channel {grid['channel']}</title>"
            f"</path>"
        )
        y += 21
    for value in (-1.0, -0.5, 0.0, 0.5, 1.0):
        parts.append(text(plot.x.at(value), y + 8, f"{value:g}", "tick middle"))
    return picture(width, int(y + 18), f"weights of {shown['layer']}", "".join(parts))
