"""The roofline: what array and bus allow each layer, and what it reaches.

Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009. LD and ST have a data port each, so
the bytes that bound a layer are those of the busier one: MACs/cycle <= min(SIZE^2, bus_bytes *
MACs/byte) holds for every program. A layer's loads may run during the layer before it, though, so
the cycles that are counted as its own may be fewer than its bytes need: a dot above the slope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import atan2, degrees, hypot
from typing import Any

from npusim.report.bars import CHARACTER_PIXELS, NARROW, legend, shortened
from npusim.report.svg import LogAxis, Plot, picture, text

OPERATORS = {
    "Conv2D": ("conv", "convolution"),
    "depthwise": ("depthwise", "depthwise convolution"),
    "FullyConnected": ("dense", "fully connected"),
}
OTHER = ("other", "other operators")
NAMED_LAYERS = 8
RADII = (4.5, 14.0)
"""Of a layer with no share of the cycles, and of one with all."""

ANCHORS = {0.0: "key", 0.5: "key middle", 1.0: "key end"}
"""Classes of a name by the share of it that stands before its place."""

Box = tuple[float, float, float, float]
Dot = tuple[float, float, float, str]


def bound_macs_per_cycle(machine: Mapping[str, Any], macs_per_byte: float) -> float:
    """Return the MACs a cycle that array and bus allow at `macs_per_byte`."""
    return min(machine["peak_macs_per_cycle"], machine["bus_bytes"] * macs_per_byte)


def roofline(data: Mapping[str, Any], width: int) -> str:
    """Return the roofline with a dot for each layer that multiplies, its area by its cycles."""
    machine, rows = data["machine"], data["results"]["layers"]
    shown = [(i, layer) for i, layer in enumerate(data["layers"]) if "macs_per_byte" in layer]
    if not shown:
        return ""
    is_narrow = width < NARROW
    height = 380 if is_narrow else 470
    peak, bus = machine["peak_macs_per_cycle"], machine["bus_bytes"]
    ridge = peak / bus
    across = [layer["macs_per_byte"] for _, layer in shown]
    along = [layer["macs_per_cycle"] for _, layer in shown]
    kinds = {OPERATORS.get(layer["operator"], OTHER) for _, layer in shown}
    order = [entry for entry in (*OPERATORS.values(), OTHER) if entry in kinds]
    keys, top = legend({f"dot {css}": words for css, words in order}, 8.0, 18.0, width)
    plot = Plot(
        LogAxis(min(*across, ridge) / 2, max(*across, 4 * ridge) * 1.5, 56, width - 20),
        LogAxis(min(*along, peak / 20) / 1.6, 2.0 * peak, height - 50, top + 28),
    )
    low, high = plot.x.low, plot.x.high
    roof = [(low, bus * low), (ridge, float(peak)), (high, float(peak))]
    roof = [(x, max(y, plot.y.low)) for x, y in roof]
    if bus * low < plot.y.low:
        roof[0] = (plot.y.low / bus, plot.y.low)
    out = [keys, plot.frame("MACs per byte of the busier data port", "MACs per cycle")]
    out.append(plot.line(roof, "roof"))
    peak_y = plot.y.at(peak) - 8
    out.append(text(width - 24, peak_y, f"array: {peak:,} MACs/cycle", "tick end"))
    boxes: list[Box] = [(width - 200.0, peak_y - 12, width - 24.0, peak_y + 2)]
    out.append(_slope_label(plot, roof, bus))
    total = data["cycles"]
    dots: list[Dot] = []
    for i, layer in sorted(shown, key=lambda entry: -rows[entry[1]["result"]]["cycles"]):
        row = rows[layer["result"]]
        radius = max(RADII[0], RADII[1] * (row["cycles"] / total) ** 0.5)
        x, y = plot.x.at(layer["macs_per_byte"]), plot.y.at(layer["macs_per_cycle"])
        bound = bound_macs_per_cycle(machine, layer["macs_per_byte"])
        css, _ = OPERATORS.get(layer["operator"], OTHER)
        title = (
            f"{layer['name']} ({layer['operator']}): {layer['macs_per_cycle']:.1f} MACs/cycle, "
            f"{layer['macs_per_byte']:.2f} MACs/byte, {100 * layer['macs_per_cycle'] / bound:.0f} "
            f"% of the roof, {row['cycles']:,} cycles"
        )
        out.append(
            f'<g data-json="/layers/{i}/macs_per_cycle" data-value="{layer["macs_per_cycle"]!r}">'
            f'<title>{escape(title)}</title><circle class="dot {css}" cx="{x:.1f}" cy="{y:.1f}" '
            f'r="{radius:.1f}"/></g>'
        )
        dots.append((x, y, radius, layer["name"]))
    boxes += [(x - r, y - r, x + r, y + r) for x, y, r, _ in dots]
    boxes += _along(plot, roof)
    groups = _near(dots)
    for x, y, radius, name in groups[: NAMED_LAYERS // 2 if is_narrow else NAMED_LAYERS]:
        out.append(_label(name, x, y, radius, boxes, plot))
    return picture(width, height, "roofline", "".join(out))


def _slope_label(plot: Plot, roof: Sequence[tuple[float, float]], bus: int) -> str:
    """Return what the slope is, written along it."""
    (x0, y0), (x1, y1) = roof[:2]
    across, along = plot.x.at(x1) - plot.x.at(x0), plot.y.at(y1) - plot.y.at(y0)
    x, y = plot.x.at(x0) + 0.5 * across, plot.y.at(y0) + 0.5 * along
    angle = degrees(atan2(along, across))
    return (
        f'<text class="tick middle" transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})" '
        f'dy="-7">bus: {bus} bytes/cycle</text>'
    )


def _along(plot: Plot, roof: Sequence[tuple[float, float]]) -> list[Box]:
    """Return small boxes along the roof and what is written on its slope: names keep clear."""
    found = []
    for (x0, y0), (x1, y1) in pairwise(roof):
        a, b = (plot.x.at(x0), plot.y.at(y0)), (plot.x.at(x1), plot.y.at(y1))
        steps = max(1, int(abs(b[0] - a[0]) / 6))
        for i in range(steps + 1):
            x, y = (a[k] + (b[k] - a[k]) * i / steps for k in range(2))
            label = 20 if abs(i / steps - 0.5) < 0.2 and b[1] != a[1] else 2
            found.append((x - 2, y - label, x + 2, y + 2))
    return found


def _near(dots: Sequence[Dot]) -> list[Dot]:
    """Return one dot for those that lie together, named after the first and how many more."""
    groups: list[list[Dot]] = []
    for dot in dots:
        home = next((g for g in groups if hypot(g[0][0] - dot[0], g[0][1] - dot[1]) < 7), None)
        if home is None:
            groups.append([dot])
        else:
            home.append(dot)
    return [
        (*group[0][:3], shortened(group[0][3], 24) + (f" +{len(group) - 1}" if group[1:] else ""))
        for group in groups
    ]


def _label(name: str, x: float, y: float, radius: float, boxes: list[Box], plot: Plot) -> str:
    """Return a dot's name where nothing else stands, or nothing; remember its place in `boxes`."""
    long = 1.12 * CHARACTER_PIXELS * len(name)  # of the widest of usual fonts
    places = (
        (x + radius + 4, y + 4, 0.0), (x - radius - 4, y + 4, 1.0),
        (x, y - radius - 5, 0.5), (x, y + radius + 13, 0.5),
        (x + radius + 2, y - radius - 2, 0.0), (x + radius + 2, y + radius + 10, 0.0),
    )  # fmt: skip
    for at, base, before in places:
        left = at - before * long
        box = (left, base - 11, left + long, base + 3)
        inside = plot.x.start <= box[0] and box[2] <= plot.x.end + 12
        inside = inside and plot.y.end - 8 <= box[1] and box[3] <= plot.y.start
        if inside and not any(_overlap(box, other) for other in boxes):
            boxes.append(box)
            return text(at, base, name, ANCHORS[before])
    return ""


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
