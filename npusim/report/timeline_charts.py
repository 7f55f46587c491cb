"""What engines and scratchpads do over a whole run: one picture each, from equal parts of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from npusim.report.bars import CHARACTER_PIXELS, CYCLES, NARROW, legend, scale_of, shortened
from npusim.report.cost_words import SIDE_WORDS
from npusim.report.svg import Axis, number, picture, text
from npusim.simulator.timing.timeline import CAUSES

KIND_DESCRIPTIONS = {
    "mac": "multiply (MAC)",
    "requantize": "requantize (RQ)",
    "vector": "vector (VEC)",
    "load_act": "load activations",
    "load_wgt": "load weights",
    "load_par": "load constants",
    "store": "store",
    "configure": "configure",
    **SIDE_WORDS,
}
"""In the order in which they are stacked; the rest is idle."""
LEGEND = {
    "mac": ("LD activations, MX multiply, ST store", ("mac", "load_act", "store")),
    "load_wgt": ("LD weights", ("load_wgt",)),
    "requantize": ("LD constants, EP requantize", ("requantize", "load_par")),
    "vector": ("EP vector unit", ("vector",)),
    "configure": ("configure", ("configure",)),
    **{cause: (words, (cause,)) for cause, words in SIDE_WORDS.items()},
}
"""What a colour means in each row; kinds of one colour never share a row."""
LANE, GAP = 64, 34
LEAST_LAYER_PIXELS = 4.0
"""Of a layer whose beginning is marked."""
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Of a scratchpad: the top of its axis is the least of these that holds the peak."""


def kind_css(kind: str) -> str:
    """Return the classes of a kind of slice: waits are paler than work."""
    return f"{kind} wait" if kind in CAUSES else kind


def activity_chart(data: Mapping[str, Any], width: int) -> str:
    """Return the shares of each part of the run that each engine spent on what."""
    edges = data["bin_edges"]
    present = {kind for engine in data["engines"].values() for kind in engine["cycles"]}
    names = {kind_css(css): words for css, (words, kinds) in LEGEND.items() if present & {*kinds}}
    keys, y = legend(names, 8.0, 18.0, width)
    left, right = 44.0, float(width - 16)
    axis, divisor, word = _cycle_axis(data["cycles"], left, right)
    top = y + 30
    bottom = top + (LANE + GAP) * len(data["engines"]) - GAP
    out = [keys, _layers(data, axis, divisor, top - 8, bottom)]
    for index, (engine, found) in enumerate(data["engines"].items()):
        base = top + index * (LANE + GAP) + LANE
        out.append(text(8, base - LANE / 2 + 4, engine, "axis"))
        out.append(
            f'<rect class="lane" x="{left}" y="{base - LANE}" width="{right - left}" '
            f'height="{LANE}"/>'
        )
        out += _stacked(found, engine, edges, axis, divisor, base, data["cycles"])
    out.append(_cycle_ticks(axis, bottom, word, width))
    return picture(width, int(bottom + 46), "timeline", "".join(out))


def _stacked(
    found: Mapping[str, Any],
    engine: str,
    edges: Sequence[int],
    axis: Axis,
    divisor: float,
    base: float,
    cycles: int,
) -> list[str]:
    lengths = [b - a for a, b in pairwise(edges)]
    xs = [axis.at(edge / divisor) for edge in edges]
    floor = [0.0] * len(lengths)
    out = []
    for kind, description in KIND_DESCRIPTIONS.items():
        if kind not in found["shares"]:
            continue
        path = []
        for i, (value, length) in enumerate(zip(found["shares"][kind], lengths, strict=True)):
            if value:
                y0, high = base - floor[i], LANE * value / length
                path.append(f"M{xs[i]:.1f} {y0:.1f}H{xs[i + 1]:.1f}v{-high:.1f}H{xs[i]:.1f}z")
                floor[i] += high
        total = found["cycles"][kind]
        words = f"{engine}, {description}: {total:,} cycles ({100 * total / cycles:.1f} %)"
        out.append(
            f'<path class="{kind_css(kind)}" d="{"".join(path)}" '
            f'data-json="/engines/{engine}/cycles/{kind}" data-value="{total}">'
            f"<title>{words}</title></path>"
        )
    return out


def occupancy_chart(data: Mapping[str, Any], width: int) -> str:
    """Return the live words of each scratchpad over the run, the most in each part of it."""
    edges = data["bin_edges"]
    left, right, top = 56.0, float(width - 16), 58.0
    axis, divisor, word = _cycle_axis(data["cycles"], left, right)
    pads = data["scratchpads"]
    bottom = top + len(pads) * LANE + (len(pads) - 1) * GAP
    out = [_layers(data, axis, divisor, 22.0, bottom)]
    xs = [axis.at(edge / divisor) for edge in edges]
    for index, (name, pad) in enumerate(pads.items()):
        base = top + index * (LANE + GAP) + LANE
        share = pad["peak_words"] / pad["words"]
        most = next(limit for limit in SHARES if limit >= share)
        for part in (0.0, 0.5, 1.0):
            y = base - LANE * part
            out.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
            if part:
                out.append(text(left - 6, y + 4, f"{100 * most * part:g} %", "tick end"))
        path = [f"M{xs[0]:.1f} {base}"]
        before = -1
        for i, words in enumerate(pad["peaks"]):
            if words != before:
                path.append(f"H{xs[i]:.1f}V{base - LANE * words / pad['words'] / most:.1f}")
                before = words
        path.append(f"H{xs[-1]:.1f}V{base}z")
        words_text = (
            f"{name}: peak {pad['peak_words']:,} of {pad['words']:,} words ({100 * share:.1f} %)"
        )
        size = f", word {pad['word_bytes']} bytes" if width >= NARROW else ""
        out.append(
            f'<path class="held" d="{"".join(path)}" data-json="/scratchpads/{name}/peak_words" '
            f'data-value="{pad["peak_words"]}"><title>{words_text}</title></path>'
        )
        out.append(text(left, base - LANE - 6, words_text + size, "key halo"))
    out.append(_cycle_ticks(axis, bottom, word, width))
    return picture(width, int(bottom + 46), "scratchpad occupancy", "".join(out))


def _cycle_axis(cycles: int, left: float, right: float) -> tuple[Axis, float, str]:
    divisor, unit = scale_of(cycles, CYCLES)
    return Axis(0.0, cycles / divisor, left, right), divisor, unit


def _cycle_ticks(axis: Axis, bottom: float, word: str, width: int) -> str:
    out = []
    for value in axis.ticks(5 if width < NARROW else 10):
        x = axis.at(value)
        out.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        )
        out.append(text(x, bottom + 18, number(value), "tick middle"))
    out.append(text((axis.start + axis.end) / 2, bottom + 36, word, "axis middle"))
    return "".join(out)


def _layers(data: Mapping[str, Any], axis: Axis, divisor: float, top: float, bottom: float) -> str:
    """Return where each layer begins, with its name where there is room for some of it."""
    starts = [layer["first_cycle"] for layer in data["layers"]]
    out = []
    for layer, start, end in zip(
        data["layers"], starts, [*starts[1:], data["cycles"]], strict=True
    ):
        x0, x1 = axis.at(start / divisor), axis.at(end / divisor)
        if x1 - x0 >= LEAST_LAYER_PIXELS:
            line = f'x1="{x0:.1f}" x2="{x0:.1f}" y1="{top}" y2="{bottom}"'
            out.append(f'<line class="border" {line}/>')
        room = int((x1 - x0 - 10) / CHARACTER_PIXELS)
        if room >= min(6, len(layer["name"])):
            out.append(text(x0 + 3, top + 2, shortened(layer["name"], room), "tick"))
    return "".join(out)
