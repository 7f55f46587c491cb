"""`npusim diff`: two results beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from npusim.cli.options import FILE


@click.command("diff")
@click.argument("first", type=FILE, metavar="A.json")
@click.argument("second", type=FILE, metavar="B.json")
def command(first: Path, second: Path) -> None:
    """Print what `--json` of `run` or `estimate` says in A and in B, and the quotient.

    Layers are matched by their names.
    """
    from npusim.report.side_by_side import layers_sheet, totals_sheet
    from npusim.report.terminal import plain_console

    paths = (first, second)
    results = [_results(path) for path in paths]
    labels = [path.stem for path in paths]
    if labels[0] == labels[1]:
        labels = [str(path) for path in paths]
    console = plain_console()
    totals_sheet(labels, results).show(console)
    if all(any("cycles" in row for row in result["layers"]) for result in results):
        console.print()
        layers_sheet(labels, results).show(console)


def _results(path: Path) -> dict[str, Any]:
    """Return the results in the file at `path`."""
    import json

    from npusim.errors import FormatError
    from npusim.reading import file_text, readable

    text = file_text(path, "JSON")
    with readable(path, "JSON"):
        found = json.loads(text)
    if not (isinstance(found, dict) and "model" in found and isinstance(found.get("layers"), list)):
        raise FormatError(f"{path}: expected what run or estimate write by --json")
    return found
