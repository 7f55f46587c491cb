"""`npusim operators`: the table of operators."""

from __future__ import annotations

import click


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
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "operator",
        ".tflite",
        ".onnx",
        "quantized under",
        "float32",
        "plain",
        "computed by",
        "where",
    ):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(
            row.name, " ".join(row.tflite), " ".join(row.onnx), row.rules,
            "yes" if row.float32 else "", "yes" if row.plain else "", row.unit,
            row.when,
        )  # fmt: skip
    plain_console().print(table)
