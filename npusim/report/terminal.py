"""Tables for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from npusim.analysis.layers import LayerReport


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


def plain_console() -> Console:
    """Return a console on stdout that does not fold tables when stdout is a file or a pipe."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)
