"""Small pieces of inline SVG: axes, lines, and marks that name their number's place in the JSON.

A mark carries `data-json`, a JSON pointer (RFC 6901) into the file beside the page, and
`data-value`, the number it was drawn from; a test resolves them all. Colours are CSS classes, so
that one picture serves the light and the dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

BOLD_CHARACTER = 7.4
"""Pixels of a character of an axis' title."""
BESIDE = 8.0
"""Where a title begins that has no room above its plot."""


@dataclass(frozen=True)
class Axis:
    """A linear scale from data `low`..`high` to pixels `start`..`end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of `value`, at most the axis' ends."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Return round numbers within the axis, about `count` of them."""
        raw = (self.high - self.low) / count
        magnitude = 10.0 ** floor(log10(raw))
        step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw)
        first = -(-self.low // step)
        values = [step * (first + i) for i in range(count * 3)]
        return [v for v in values if v <= self.high + step * 1e-9]


@dataclass(frozen=True)
class LogAxis:
    """A logarithmic scale from data `low`..`high` (positive) to pixels `start`..`end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of `value`, at most the axis' ends."""
        share = log10(max(value, self.low) / self.low) / log10(self.high / self.low)
        return self.start + min(share, 1.0) * (self.end - self.start)

    def ticks(self, count: int = 6) -> list[float]:
        """Return 1, 2 and 5 of each decade; powers of ten where they are many more than `count`."""
        decades = range(floor(log10(self.low)), floor(log10(self.high)) + 1)
        for steps in ((1, 2, 5), (1,)):
            values = [step * 10.0**decade for decade in decades for step in steps]
            values = [v for v in values if self.low <= v <= self.high]
            if len(values) <= 1.5 * count:
                break
        return values


@dataclass(frozen=True)
class Plot:
    """A rectangle with axes: x grows to the right, y upwards."""

    x: Axis | LogAxis
    y: Axis | LogAxis

    def frame(self, x_label: str, y_label: str, x_ticks: Sequence[float] | None = None) -> str:
        """Return grid lines, tick labels and axis titles."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        parts = []
        for value in self.y.ticks(6):
            y = self.y.at(value)
            parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(text(left - 8, y + 4, number(value), "tick end"))
        for value in self.x.ticks() if x_ticks is None else x_ticks:
            x = self.x.at(value)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{top}"/>')
            parts.append(text(x, bottom + 17, number(value), "tick middle"))
        parts.append(text((left + right) / 2, bottom + 36, x_label, "axis middle"))
        has_room = left + BOLD_CHARACTER * len(y_label) <= right
        parts.append(text(left if has_room else BESIDE, top - 10, y_label, "axis"))
        return "".join(parts)

    def line(self, points: Sequence[tuple[float, float]], css: str, dash: str = "") -> str:
        """Return a line through data points."""
        path = " ".join(f"{self.x.at(x):.1f},{self.y.at(y):.1f}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        return f'<polyline class="line {css}"{dashes} points="{path}"/>'

    def mark(
        self, x: float, y: float, css: str, title: str, pointer: str, value: float, label: str = ""
    ) -> str:
        """Return a circle with a tooltip, a small text inside, and where its value stands."""
        cx, cy = self.x.at(x), self.y.at(y)
        radius = 9 if label else 3.5
        inside = text(cx, cy + 4, label, "inside middle") if label else ""
        return (
            f'<g class="mark" data-json="{pointer}" data-value="{value!r}">'
            f"<title>{escape(title)}</title>"
            f'<circle class="{css}" cx="{cx:.1f}" cy="{cy:.1f}" r="{radius}"/>{inside}</g>'
        )


def number(value: float) -> str:
    """Return `value` as a tick label, without needless digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def text(x: float, y: float, content: str, css: str) -> str:
    """Return a text; `css` says its size and anchor."""
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>'


def picture(width: int, height: int, label: str, content: str) -> str:
    """Return a drawing that scales to the width of its place."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f"{content}</svg>"
    )
