"""The pictures of a sweep: for each network what its points cost, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npusim.analysis.pareto import on_front
from npusim.codes.schemes import family
from npusim.report.bars import shortened
from npusim.report.compare_charts import DRAWN_POINTS, ROW, WIDTH
from npusim.report.svg import Axis, LogAxis, Plot, picture, text

HEIGHT = 446
ABOVE = 9
"""Pixels from a mark up to its name, which would else lie on the line of the front."""
SAME = 20
"""Pixels from one point of a machine to another that its name serves too."""
LEFT = 66.0
"""Where names may begin: right of the axis."""
MOST_NAME = 24
"""Characters of a machine's name beside its mark."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """A column that can be an axis: its title, the factor to the title's unit, how it is said."""

    title: str
    factor: float
    say: Callable[[float], str]


MEASURES = {
    "accuracy": Measure("top-1 accuracy, %", 1.0, lambda v: f"{v:.2f} % top-1"),
    "energy_with_host_pj": Measure("energy of a sample, uJ", 1e-6, lambda v: f"{v / 1e6:,.3g} uJ"),
    "seconds_with_host": Measure("time of a sample, us", 1e6, lambda v: f"{v * 1e6:,.4g} us"),
    "area_um2": Measure("area, mm2", 1e-6, lambda v: f"{v / 1e6:.3g} mm2"),
    "host_cycles": Measure("host cycles", 1.0, lambda v: f"{v:,} cycles of the host"),
    "bytes": Measure("stored constants, kB", 1e-3, lambda v: f"{v:,} bytes stored"),
}
PAIRS = (
    ("energy_with_host_pj", "accuracy"),
    ("seconds_with_host", "accuracy"),
    ("area_um2", "seconds_with_host"),
    ("bytes", "seconds_with_host"),
)
"""Axes (x, y) of the pictures, the most telling first."""
MOST_PICTURES = 3
DECADES_FROM = 5
"""Axes whose ends differ by more than this factor are logarithmic."""


def pairs_of(rows: Sequence[tuple[int, Row]]) -> list[tuple[str, str]]:
    """Return the axes that all of a network's good rows know and differ in, three at most."""
    varied = {
        key
        for key in MEASURES
        if all(key in row for _, row in rows) and len({row[key] for _, row in rows}) > 1
    }
    return [pair for pair in PAIRS if varied.issuperset(pair)][:MOST_PICTURES]


def good_rows(rows: Sequence[Row], network: str) -> list[tuple[int, Row]]:
    """Return a network's rows without an error, with their places in the table."""
    return [(i, r) for i, r in enumerate(rows) if r["network"] == network and not r["error"]]


def describe(row: Row) -> str:
    """Return a point in words."""
    bits = "" if row["bits"] is None else f" {row['bits']}"
    settings = f" ({row['settings']})" if row["settings"] else ""
    known = [measure.say(row[key]) for key, measure in MEASURES.items() if key in row]
    return f"{row['scheme']}{bits}{settings} on {row['machine']}: {', '.join(known)}"


def drawn(rows: Sequence[tuple[int, Row]], y: str) -> list[tuple[int, Row]]:
    """Return the rows worth a mark: where accuracy is drawn, those near the best."""
    if y != "accuracy":
        return list(rows)
    floor = max(row[y] for _, row in rows) - DRAWN_POINTS
    return [(i, row) for i, row in rows if row[y] >= floor]


def front(shown: Sequence[tuple[int, Row]], x: str, y: str) -> list[tuple[float, float]]:
    """Return the points of the front of two axes alone, from left to right."""
    sign = -1 if y == "accuracy" else 1
    points = [(row[x], row[y]) for _, row in shown]
    best = on_front([(at_x, sign * at_y) for at_x, at_y in points])
    return sorted({point for point, keep in zip(points, best, strict=True) if keep})


def steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a front with corners: what a cost buys stays until the next is paid."""
    twice = [point for point in points for _ in range(2)]
    return [(new[0], old[1]) for new, old in zip(twice[1:], twice, strict=False)]


def is_logarithmic(low: float, high: float) -> bool:
    """Return whether an axis from `low` to `high` is better read in decades."""
    return high > DECADES_FROM * low > 0


def front_chart(rows: Sequence[Row], network: str, x: str, y: str, width: int = WIDTH) -> str:
    """Return a network's points against two measures, with the front of these two as a line.

    The points of the front are named by their machines, as far as the names have room.
    """
    shown = drawn(good_rows(rows, network), y)
    across, along = MEASURES[x], MEASURES[y]
    values = [(row[x] * across.factor, row[y] * along.factor) for _, row in shown]
    keys, last = _legend([row["scheme"] for _, row in shown], width)
    plot = Plot(
        _axis([v for v, _ in values], 64, width - 16), _axis([v for _, v in values], 400, last + 40)
    )
    ticks = plot.x.ticks(3) if width < WIDTH else None
    parts = [
        keys,
        plot.frame(across.title, along.title, ticks),
    ]
    best = set(front(shown, x, y))
    line = [(a * across.factor, b * along.factor) for a, b in steps(front(shown, x, y))]
    parts.append(plot.line(line, "front"))
    ordered = sorted(
        zip(shown, values, strict=True), key=lambda pair: (pair[0][1][x], pair[0][1][y]) in best
    )
    for (i, row), (at_x, at_y) in ordered:
        css = f"{family(row['scheme'])} {'on' if (row[x], row[y]) in best else 'off'}"
        label = "=" if row["bits"] is None else str(row["bits"])
        parts.append(plot.mark(at_x, at_y, css, describe(row), f"/rows/{i}/{y}", row[y], label))
    named = [
        (plot.x.at(at_x), plot.y.at(at_y), row["machine"])
        for (_, row), (at_x, at_y) in ordered
        if (row[x], row[y]) in best
    ]
    taken = [(plot.x.at(at_x), plot.y.at(at_y)) for _, (at_x, at_y) in ordered]
    parts += _names(named, taken, width)
    return picture(
        width, HEIGHT, f"{network}: {across.title} against {along.title}", "".join(parts)
    )


def _names(
    named: Sequence[tuple[float, float, str]], marks: Sequence[tuple[float, float]], width: int
) -> list[str]:
    """Return machines' names beside, above or below their marks, where they lie on no other."""
    placed: list[tuple[float, float, float]] = []
    parts = []
    said: list[tuple[float, float, str]] = []
    for x, mark_y, machine in named:
        if any(machine == m and max(abs(x - a), abs(mark_y - b)) < SAME for a, b, m in said):
            continue
        said.append((x, mark_y, machine))
        name, beside = shortened(machine, MOST_NAME), mark_y - ABOVE
        room = 6.2 * len(name)
        middle = min(max(x - room / 2, LEFT), width - room)
        for start, y in (
            (x + 12, beside), (x - 12 - room, beside), (middle, mark_y + 19), (middle, mark_y - 21),
        ):  # fmt: skip
            end = start + room
            is_free = (
                LEFT <= start
                and end <= width
                and not any(a < end and start < b and abs(y - other) < 13 for a, b, other in placed)
            )
            hits = any(
                start - 8 < a < end + 8 and abs(y - b) < 13
                for a, b in marks
                if (a, b) != (x, mark_y)
            )
            if is_free and not hits:
                placed.append((start, end, y))
                parts.append(text(start, y + 4, name, "named"))
                break
    return parts


def _axis(values: Sequence[float], start: float, end: float) -> Axis | LogAxis:
    low, high = min(values), max(values)
    if is_logarithmic(low, high):
        return LogAxis(low / 1.2, high * 1.2, start, end)
    room = 0.06 * (high - low) or 1.0
    return Axis(low - room, high + room, start, end)


def _legend(schemes: Sequence[str], width: int) -> tuple[str, int]:
    """Return a dot and a name for each colour, and the y of their last line."""
    begin = 72.0 if width == WIDTH else 16.0
    parts, x, y = [], begin, 16
    for name in dict.fromkeys(family(scheme) for scheme in schemes):
        if x + 12 + 7.2 * len(name) > width:
            x, y = begin, y + ROW
        parts.append(f'<circle class="{name}" cx="{x}" cy="{y}" r="6"/>')
        parts.append(text(x + 12, y + 4, name, "key"))
        x += 40 + 7.2 * len(name)
    return "".join(parts), y


def first_charts(rows: Sequence[Row]) -> list[tuple[str, tuple[str, str]]]:
    """Return the networks that have a picture, each with the axes of its first."""
    found = []
    for network in dict.fromkeys(row["network"] for row in rows):
        pairs = pairs_of(good_rows(rows, network))
        if pairs:
            found.append((network, pairs[0]))
    return found
