"""`npusim operators`: the table of operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

TITLES = (
    "operator", ".tflite", ".onnx", "quantized under", "float32", "plain", "computed by", "where",
)  # fmt: skip
GAP = 2
"""Characters between columns."""


@click.command("operators")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Print what each operator is called, under which rules it is defined, and who computes it.

    NAME shows the operators whose name, or a name in a file, contains it.
    """
    from rich.table import Table

    from npusim.analysis.operator_table import operator_rows
    from npusim.errors import UnsupportedError
    from npusim.report.terminal import plain_console

    wanted = (name or "").lower()
    rows = [
        row
        for row in operator_rows()
        if any(wanted in text.lower() for text in (row.name, *row.tflite, *row.onnx))
    ]
    if not rows:
        raise UnsupportedError(f"operators: expected a part of an operator's name, found {name}")
    cells = [
        (
            row.name, " ".join(row.tflite), " ".join(row.onnx), row.rules,
            "yes" if row.float32 else "", "yes" if row.plain else "", row.unit, row.when,
        )
        for row in rows
    ]  # fmt: skip
    console = plain_console()
    widths = [max(map(len, column)) for column in zip(TITLES, *cells, strict=True)]
    if sum(widths) + GAP * (len(TITLES) - 1) > console.width:
        for name, *rest in cells:
            console.print(_block(name, rest))
        return
    table = Table(*TITLES, box=None, pad_edge=False, header_style="bold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _block(name: str, cells: Sequence[str]) -> Table:
    """Return a line for each thing that is to be said of an operator."""
    from rich.table import Table

    block = Table(name, "", box=None, pad_edge=False, header_style="bold")
    for title, cell in zip(TITLES[1:], cells, strict=True):
        if cell:
            block.add_row(f"  {title}", cell)
    return block
