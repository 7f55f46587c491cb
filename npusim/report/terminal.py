"""Tables for a terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from npusim.analysis.layers import LayerReport
from npusim.printable import printable


def layer_table(layers: tuple[LayerReport, ...], samples: int) -> Table:
    """Return the table of a run over `samples` samples: one row per layer, and the totals."""
    table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold")
    seconds = sum(layer.seconds or 0 for layer in layers)
    table.add_column("layer", "total", overflow="fold", max_width=36)
    table.add_column("operator")
    table.add_column("output shape")
    table.add_column("MACs", f"{sum(layer.macs for layer in layers):,}", justify="right")
    weight_bytes = sum(layer.weight_bytes for layer in layers)
    table.add_column("weight bytes", f"{weight_bytes:,}", justify="right")
    table.add_column("weights")
    table.add_column("rounding")
    table.add_column("ms/sample", f"{1e3 * seconds / samples:.3f}", justify="right")
    table.show_footer = True
    for layer in layers:
        table.add_row(
            layer.name,
            layer.operator,
            " ".join(str(n) for n in layer.output_shape),
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.weight_bytes:,}" if layer.weight_bytes else "",
            layer.scheme,
            layer.rounding,
            f"{1e3 * (layer.seconds or 0) / samples:.3f}",
        )
    return table


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


def plain_console(piped_width: int = 200) -> Console:
    """Return a console on stdout that does not fold tables when stdout is a file or a pipe."""
    return PlainConsole(width=None if sys.stdout.isatty() else piped_width)


def verdict(agrees: bool, word: str = "DIFFERS") -> Text:
    """Return a comparison's result in its colour; `word` is what it is where it does not agree."""
    return Text("agrees", "green") if agrees else Text(word, "red")
