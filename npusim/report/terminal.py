"""Tables for a terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from npusim.analysis.layers import LayerReport
from npusim.printable import printable
from npusim.report.sheet import Column, Sheet

PIPED_WIDTH = 10_000


def layer_sheet(layers: tuple[LayerReport, ...], samples: int) -> Sheet:
    """Return the table of a run over `samples` samples: one row per layer, and the totals."""
    seconds = sum(layer.seconds or 0 for layer in layers)
    sheet = Sheet(
        (
            Column("layer", is_name=True, footer="total"),
            Column("operator", 1, is_text=True),
            Column("output shape", 2, is_text=True),
            Column("MACs", footer=f"{sum(layer.macs for layer in layers):,}"),
            Column("weight bytes", 3, footer=f"{sum(x.weight_bytes for x in layers):,}"),
            Column("weights", 4, is_text=True),
            Column("rounding", 5, is_text=True),
            Column("ms/sample", footer=f"{1e3 * seconds / samples:.3f}"),
        )
    )
    for layer in layers:
        sheet.add(
            layer.name,
            layer.operator,
            " ".join(str(n) for n in layer.output_shape),
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.weight_bytes:,}" if layer.weight_bytes else "",
            layer.scheme,
            layer.rounding,
            f"{1e3 * (layer.seconds or 0) / samples:.3f}",
        )
    return sheet


def for_samples(count: int) -> str:
    """Return what a figure is of, for people: `a sample`, `for 8 samples`."""
    return "a sample" if count == 1 else f"for {count:,} samples"


def counted(count: int, word: str) -> str:
    """Return `count` and the word, in the plural unless it is one."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


class PlainConsole(Console):
    """A console on which text is text: no markup, no emoji codes, no control characters.

    What is to be coloured is a `Text` with a style.
    """

    def __init__(self, *, to_stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=to_stderr, width=width, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return `text` as it is shown: rich asks this for every text and cell."""
        return super().render_str(printable(text), **settings)


def plain_console(piped_width: int = PIPED_WIDTH) -> Console:
    """Return a console on stdout that folds nothing when stdout is a file or a pipe."""
    return PlainConsole(width=None if sys.stdout.isatty() else piped_width)


def verdict(agrees: bool, word: str = "DIFFERS") -> Text:
    """Return a comparison's result in its colour; `word` is what it is where it does not agree."""
    return Text("agrees", "green") if agrees else Text(word, "red")
