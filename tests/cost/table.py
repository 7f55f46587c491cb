"""A table of prices that are easy to tell apart: every operation has a price of its own."""

from __future__ import annotations

from typing import Any

from npusim.cost.logic import LOGIC, Logic
from npusim.cost.table import Table, table_of

FORMATS = {"UNIFORM_BITS": 8, "SUBSET": 1, "PWLQ_BITS": 4}
SIZES = {"npu_pe_column": "ROWS", "npu_weight_column": "ROWS", "npu_accumulate": "SUM_BITS"}
CHEAP = {"idle": 0.5, "term": 1.5}
LEAST = {"ROWS": (4, 16), "SUM_BITS": (18, 20)}


def row(logic: Logic, place: int, size: tuple[str, int] | None) -> dict[str, Any]:
    """Return a row; `idle` is the cheapest operation, and the second size costs ten times more."""
    scale = 10 if size and size[1] == LEAST[size[0]][1] else 1
    formats = FORMATS if logic.module in ("npu_pe_column", "npu_weight_column") else {}
    return {
        "module": logic.module,
        "parameters": formats | (dict([size]) if size else {}),
        "cells": 1,
        "area_um2": 100.0 * scale * (place + 1),
        "leakage_uw": 3.0 * scale * (place + 1),
        "energy_pj": {
            name: scale * CHEAP.get(name, 2.0 + place + i / 8)
            for i, name in enumerate(logic.operations)
        },
    }


def made_up() -> Table:
    """Return a table with a row for each module, two where its size varies."""
    rows = []
    for index, logic in enumerate(LOGIC):
        name = SIZES.get(logic.module)
        sizes = [(name, size) for size in LEAST[name]] if name else [None]
        rows += [row(logic, index, size) for size in sizes]
    return table_of({"technology": "nangate45", "modules": rows})
