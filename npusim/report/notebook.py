"""How results show themselves in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from npusim.report.layers import LayerReport

COLUMNS = ("layer", "operator", "output shape", "MACs", "weight bytes", "weights", "rounding", "ms")


def layers_html(title: str, layers: Iterable[LayerReport]) -> str:
    """Return an HTML table of `layers` under `title`."""
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(layer)) + "</tr>"
        for layer in layers
    )
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return (
        f"<table><caption>{escape(title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cells(layer: LayerReport) -> tuple[str, ...]:
    return (
        layer.name,
        layer.operator,
        " x ".join(str(n) for n in layer.output_shape),
        f"{layer.macs:,}",
        f"{layer.weight_bytes:,}",
        layer.scheme,
        layer.rounding,
        "" if layer.seconds is None else f"{1e3 * layer.seconds:.3f}",
    )
