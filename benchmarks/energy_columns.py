"""Columns with one weight format alone, at gate level: rows beside those of the energy table.

The table holds the builds that machines of the package need; what a format costs where no other is
built in is measured here in columns of four rows, as benchmarks/make_energy.py measures its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from energy.liberty import read_library
from energy.traffic import Build
from energy.units import COLUMN
from make_energy import netlist_name, netlist_of, row, traffic_of

SEED = 1
BUILDS = tuple(Build(4, *formats) for formats in ((8, 0, 0), (4, 0, 0), (0, 1, 0), (0, 0, 4)))


def single_rows(library: Path, work: Path) -> list[dict[str, Any]]:
    """Return the table's rows of npu_pe_column for each build; `work` keeps what is made."""
    cells = read_library(library)
    rows = []
    for build in BUILDS:
        kept = work / f"{netlist_name(COLUMN, build, cells)}-alone.row"
        if not kept.exists():
            netlist = netlist_of(COLUMN, build, library, cells, work)
            traffic = traffic_of(build, (COLUMN,), {COLUMN.module: netlist}, SEED, work)
            kept.write_text(json.dumps(row(COLUMN, build, netlist, traffic, path_ns=0.0)))
        rows.append(json.loads(kept.read_text()))
    return rows
