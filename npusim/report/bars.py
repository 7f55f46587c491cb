"""Stacked bars, one a layer: how its cycles or its energy divide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from npusim.report.svg import Axis, number, picture, text

NARROW = 600
"""Pictures of less width are for a phone: a bar's name stands above it."""
NAME_PIXELS = 200
TOTAL_PIXELS = 150
CHARACTER_PIXELS = 7.0
Scales = Sequence[tuple[float, str]]

CYCLES: Scales = (
    (1e9, "billion cycles"), (1e6, "million cycles"), (1e3, "thousand cycles"), (1.0, "cycles"),
)  # fmt: skip
PICOJOULES: Scales = ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))
"""By how much a quantity is divided, and the unit that it then has."""


@dataclass(frozen=True)
class Bar:
    """One layer: `parts` by name with their JSON pointers' common beginning, and a last remark."""

    name: str
    parts: Mapping[str, float]
    pointer: str
    remark: str


def scale_of(value: float, scales: Scales) -> tuple[float, str]:
    """Return the divisor and the unit that make `value` a number below a thousand."""
    return next(((by, unit) for by, unit in scales if value >= by), scales[-1])


def shortened(name: str, most: int) -> str:
    """Return `name`, its middle left out where it has more than `most` characters."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    return f"{name[:head]}\u2026{name[len(name) - (most - 1 - head) :]}"


def legend(names: Mapping[str, str], x: float, y: float, width: float) -> tuple[str, float]:
    """Return colour and description of each CSS class in lines, and the y below them."""
    parts, start = [], x
    for css, description in names.items():
        needed = 34 + CHARACTER_PIXELS * 0.93 * len(description)
        if x + needed > width and x > start:
            x, y = start, y + 20
        parts.append(
            f'<rect class="{css}" x="{x:.1f}" y="{y - 10}" width="12" height="12" rx="2"/>'
        )
        parts.append(text(x + 18, y, description, "key"))
        x += needed
    return "".join(parts), y + 14


def stacked_bars(
    bars: Sequence[Bar],
    descriptions: Mapping[str, str],
    title: str,
    scales: Scales,
    remark_title: str,
    width: int,
) -> str:
    """Return the picture of `bars`, in their order from the top; parts in that of `descriptions`.

    Parts that no bar has are left out of the legend. `scales`: the units of the axis, the parts'
    own as the last.
    """
    shown = {name for bar in bars for name, value in bar.parts.items() if value}
    descriptions = {name: words for name, words in descriptions.items() if name in shown}
    is_narrow = width < NARROW
    left = 8.0 if is_narrow else float(NAME_PIXELS)
    right = float(width - (16 if is_narrow else TOTAL_PIXELS))
    row = 36 if is_narrow else 24 if len(bars) <= 40 else 19
    keys, y = legend(descriptions, 8.0, 18.0, width)
    top = y + (14 if is_narrow else 22)
    longest = max((sum(bar.parts.values()) for bar in bars), default=0) or 1
    divisor, unit = scale_of(longest, scales)
    axis = Axis(0.0, longest / divisor, left, right)
    bottom = top + row * len(bars)
    out = [keys]
    for value in axis.ticks(4 if is_narrow else 7):
        x = axis.at(value)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom}"/>')
        out.append(text(x, bottom + 16, number(value), "tick middle"))
    out.append(text((left + right) / 2, bottom + 36, unit, "axis middle"))
    if not is_narrow:
        out.append(text(width - 8, top - 8, remark_title, "tick end"))
    for i, bar in enumerate(bars):
        out.append(_row(bar, descriptions, axis, divisor, top + i * row, row, width, scales[-1][1]))
    return picture(width, int(bottom + 46), title, "".join(out))


def _row(
    bar: Bar,
    descriptions: Mapping[str, str],
    axis: Axis,
    divisor: float,
    y: float,
    row: int,
    width: int,
    unit: str,
) -> str:
    is_narrow = width < NARROW
    total = sum(bar.parts.values())
    height = 14 if is_narrow else row - 5
    above = row - height - 3 if is_narrow else 2
    name_css, name_x, name_y = ("key", 8.0, y + 13) if is_narrow else (
        "key end", NAME_PIXELS - 10.0, y + 2 + height / 2 + 4.5)  # fmt: skip
    most = 26 if is_narrow else int((NAME_PIXELS - 14) / CHARACTER_PIXELS)
    out = [
        f"<g><title>{escape(bar.name)}</title>"
        f"{text(name_x, name_y, shortened(bar.name, most), name_css)}</g>"
    ]
    done = 0.0
    for name, description in descriptions.items():
        value = bar.parts.get(name, 0)
        if not value:
            continue
        x0, x1 = axis.at(done / divisor), axis.at((done + value) / divisor)
        done += value
        out.append(
            f'<rect class="{name}" data-json="{bar.pointer}/{name}" data-value="{value!r}" '
            f'x="{x0:.2f}" y="{y + above:.1f}" width="{x1 - x0:.2f}" height="{height}">'
            f"<title>{escape(bar.name)}, {escape(description)}: {value:,.10g} {unit} "
            f"({100 * value / total:.1f} %)</title></rect>"
        )
    remark_x, remark_y = (width - 16, y + 13) if is_narrow else (width - 8, name_y)
    out.append(text(remark_x, remark_y, bar.remark, "tick end"))
    return "".join(out)
