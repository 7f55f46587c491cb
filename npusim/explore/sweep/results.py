"""The table of a sweep: its columns with their types, as CSV and as Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from npusim.cost.prices import COMPONENTS
from npusim.errors import UnsupportedError
from npusim.explore.sweep.machines import KEYS

SUFFIXES = (".parquet", ".csv")
FOUND: dict[str, type] = {
    "requant": str,
    "cycles": int,
    "seconds_on_machine": float,
    "host_cycles": int,
    "seconds_with_host": float,
    "macs": int,
    "utilization": float,
    "dram_bytes": int,
    "energy_pj": float,
    **{f"energy_pj.{component}": float for component in COMPONENTS},
    "host_energy_pj": float,
    "energy_with_host_pj": float,
    "area_um2": float,
    "accuracy": float,
    "bytes": int,
    "seconds": float,
    "pareto": bool,
    "error": str,
    "inputs": str,
}
"""What a point gives, in the order of the columns."""

Rows = Sequence[Mapping[str, Any]]


def columns() -> dict[str, type]:
    """Return the columns of every sweep with the type of their values."""
    machine = {key: str if isinstance(v, tuple) else type(v) for key, v in KEYS.items()}
    labels = {"network": str, "scheme": str, "bits": int, "settings": str}
    return {"machine": str, **machine, **labels, **FOUND}


def csv_bytes(rows: Rows) -> bytes:
    """Return the rows as CSV (UTF-8); a value that is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns())
    for row in rows:
        writer.writerow([_cell(row.get(key)) for key in columns()])
    return text.getvalue().encode()


def parquet_bytes(rows: Rows) -> bytes:
    """Return the rows as a Parquet file; a value that is not known is null.

    Raises
    ------
    UnsupportedError
        pyarrow is not installed.
    """
    require_parquet()
    import pyarrow as pa
    from pyarrow import parquet

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(key, types[kind]) for key, kind in columns().items()])
    table = pa.table(
        [pa.array([_plain(row.get(f.name)) for row in rows], f.type) for f in schema], schema
    )
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def table_bytes(path: Path, rows: Rows) -> bytes:
    """Return the table in the format that the suffix of `path` names."""
    return csv_bytes(rows) if path.suffix.lower() == ".csv" else parquet_bytes(rows)


def require_format(path: Path) -> None:
    """Raise UnsupportedError unless a table can be written to `path`: before the long work."""
    if path.suffix.lower() not in SUFFIXES:
        raise UnsupportedError(f"{path}: expected a name ending in {', '.join(SUFFIXES)}")
    if path.suffix.lower() == ".parquet":
        require_parquet()


def require_parquet() -> None:
    """Raise UnsupportedError unless Parquet can be written."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise UnsupportedError(
            ".parquet: needs pyarrow, which is not installed: pip install 'npusim[sweep]', "
            "or write .csv"
        ) from None


def _plain(value: Any) -> Any:
    return "+".join(value) if isinstance(value, tuple) else value


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else _plain(value)
