"""How results show themselves in a notebook."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from npusim.analysis.layers import LayerReport
    from npusim.isa.program import Program
    from npusim.report.pages import Row
    from npusim.simulator.timing.timeline import Timeline

COLUMNS = ("layer", "operator", "output shape", "MACs", "weight bytes", "weights", "rounding", "ms")
PICTURES = ("cycles", "energy", "roofline")


def layers_html(title: str, layers: Iterable[LayerReport]) -> str:
    """Return an HTML table of `layers` under `title`."""
    from npusim.report.pages import render

    rows = [_cells(layer) for layer in layers]
    return render("layers_notebook", title=title, heads=COLUMNS, rows=rows)


def machine_html(
    program: Program, timelines: Sequence[Timeline], results: Mapping[str, Any]
) -> str:
    """Return a run on the machine as pictures and a table; `results`: as `--json` writes them.

    The pictures are images, so that their style sheet stays out of the notebook's.
    """
    from npusim.analysis.machine_data import machine_data
    from npusim.report.machine_charts import CHARTS, WIDE
    from npusim.report.machine_page import host_table, layer_table, title
    from npusim.report.machine_words import lead_words
    from npusim.report.pages import render
    from npusim.report.standalone import standalone

    if not any(timeline.cycles for timeline in timelines):
        host = host_table({"results": results})
        rows = [[cell.shown for cell in row.cells] for row in host["host_rows"]]
        about = f"{program.name}: the machine computes nothing of it"
        return render("layers_notebook", title=about, heads=host["host_heads"], rows=rows)
    data = machine_data(program, timelines, results, {})
    drawn = {name: CHARTS[name](data, WIDE) for name in PICTURES}
    tables = layer_table(data) | host_table(data)
    return render(
        "machine_notebook",
        title=title(data),
        data=data,
        pictures={
            name: b64encode(standalone(svg).encode()).decode() for name, svg in drawn.items() if svg
        },
        **{name: part if name.endswith("heads") else _plain(part) for name, part in tables.items()},
        **lead_words(data),
    )


def _plain(rows: Iterable[Row]) -> list[Row]:
    """Return the rows without what ties their numbers to a page's JSON."""
    from npusim.report.pages import Cell, Row

    return [Row([Cell(cell.shown) for cell in row.cells]) for row in rows]


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
