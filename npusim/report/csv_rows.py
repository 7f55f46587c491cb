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


def layer_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the layers of `--json` as rows; what the host computes has cycles of its own name.

    `host_cycles` are of the host's clock; `cycles` and `energy_pj` are the machine's.
    """
    hosts = {row["name"]: row for row in results.get("host_layers", ())}
    rows = [{**row, **_on_host(hosts.pop(row["name"], {}))} for row in results["layers"]]
    for name, row in hosts.items():
        rows.append({"name": name, "operator": row["operator"], **_on_host(row)})
    return rows


def _on_host(row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"host_{key}": row[key] for key in ("macs", "cycles", "energy_pj") if row}


def _flat(before: str, row: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{before}{key}.", value)
        elif value is not None:
            shown = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
            yield f"{before}{key}", shown
