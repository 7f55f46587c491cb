"""Rows of JSON-ready values as CSV: exact numbers, inner objects as columns `key.inner`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any


def csv_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return `rows` as CSV, their keys in the order in which they first come.

    What is not known is an empty cell; a list is joined by blanks.
    """
    flat = [dict(_flat("", row)) for row in rows]
    keys = list(dict.fromkeys(key for row in flat for key in row))
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(keys)
    for row in flat:
        writer.writerow([row.get(key, "") for key in keys])
    return content.getvalue()


def _flat(before: str, row: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{before}{key}.", value)
        elif value is not None:
            shown = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
            yield f"{before}{key}", shown
