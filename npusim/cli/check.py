"""`npusim check`: all that keeps a file from running."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from npusim.cli.options import (
    json_option,
    model_argument,
    outputs_option,
    requant_option,
    shape_option,
)

if TYPE_CHECKING:
    from npusim.analysis.check import Check

CANNOT_RUN = 2
"""Exit code where something is missing."""


@click.command("check")
@model_argument
@shape_option
@outputs_option
@requant_option
@json_option
def command(
    model: Path,
    *,
    shapes: dict[str, tuple[int, ...]],
    outputs: tuple[str, ...] | None,
    requant: str,
    json_path: Path | None,
) -> None:
    """List every operator, type and form of MODEL that is not supported.

    Each is named with how often it occurs, where first, and what can be done. The exit code is 2
    where the network does not run.
    """
    from npusim.analysis.check import check
    from npusim.writing import require_outputs, require_suffix, write_json

    require_suffix("--json", json_path, (".json",))
    require_outputs({"--json": json_path}, model)
    found = check(model, shapes, outputs, requant)
    if json_path is not None:
        write_json(json_path, found.as_json())
    _print(found)
    if not found.runs:
        sys.exit(CANNOT_RUN)


def _print(found: Check) -> None:
    from rich.table import Table

    from npusim.report.terminal import plain_console

    console = plain_console()
    read = ", ".join(f"{count} {kind}" for kind, count in found.operators.items()) or "nothing"
    if found.runs:
        console.print(f"{found.name}: runs under {found.rule}: {read}")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("operator", "count", "first", "what is missing", "what can be done"):
        table.add_column(title, overflow="fold", justify="right" if title == "count" else "left")
    for row in found.missing:
        cells = (row.operator, str(row.count), row.first, row.why, row.advice)
        table.add_row(*cells)
    console.print(table)
    console.print(f"\n{found.name}: does not run under {found.rule}; read: {read}")
    if found.outputs:
        console.print(f"what stands before it runs with --outputs {','.join(found.outputs)}")
