"""How results show themselves in a notebook."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from npusim.analysis.layers import LayerReport
    from npusim.isa.program import Program
    from npusim.simulator.machine.timeline import Timeline

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


PICTURES = ("cycles", "energy", "roofline")


def machine_html(
    program: Program, timelines: Sequence[Timeline], results: Mapping[str, Any]
) -> str:
    """Return a run on the machine as pictures and a table; `results`: as `--json` writes them.

    The pictures are images, so that their style sheet stays out of the notebook's.
    """
    from npusim.analysis.machine_data import machine_data
    from npusim.report.machine_charts import CHARTS, WIDE
    from npusim.report.machine_page import layer_table, style
    from npusim.report.machine_words import lead
    from npusim.report.standalone import standalone

    data = machine_data(program, timelines, results, {})
    parts = [
        f"<p><strong>{escape(results['model'])} on {escape(data['machine']['name'])}: "
        f"{data['cycles']:,} cycles.</strong> {lead(data)}</p>"
    ]
    for name in PICTURES:
        svg = CHARTS[name](data, WIDE)
        if svg:
            content = b64encode(standalone(svg, style()).encode()).decode()
            parts.append(
                f'<img alt="{name}" style="max-width:100%" '
                f'src="data:image/svg+xml;base64,{content}">'
            )
    return "".join(parts) + re.sub(r' (data-\w+|class)="[^"]*"', "", layer_table(data))


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
