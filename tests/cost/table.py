"""A table of prices that are easy to tell apart: every operation has a price of its own."""

from __future__ import annotations

from typing import Any

from npusim.cost.logic import LOGIC, Logic
from npusim.cost.table import Table, table_of

FORMATS = {"UNIFORM_BITS": 8, "SUBSET": 1, "PWLQ_BITS": 4}
SIZES = {"npu_pe_column": "ROWS", "npu_weight_column": "ROWS", "npu_accumulate": "SUM_BITS"}
CHEAP = {"idle": 0.5, "term": 1.5}
IDLE_GATED, WORKING_GATED = 0.125, 0.25
"""Of CHEAP's idle, all of it clock: what is left behind clock gates when they are off, on."""
LEAST = {"ROWS": (4, 16), "SUM_BITS": (18, 20)}


def row(logic: Logic, place: int, size: tuple[str, int] | None, gated: bool) -> dict[str, Any]:
    """Return a row; `idle` is the cheapest operation, and the second size costs ten times more."""
    scale = 10 if size and size[1] == LEAST[size[0]][1] else 1
    formats = FORMATS if logic.module in ("npu_pe_column", "npu_weight_column") else {}
    clock = dict.fromkeys(logic.operations, CHEAP["idle"])
    if gated:
        clock = {**dict.fromkeys(clock, WORKING_GATED), "idle": IDLE_GATED}
    energy = {
        name: CHEAP.get(name, 2.0 + place + i / 8) - CHEAP["idle"] + clock[name]
        for i, name in enumerate(logic.operations)
    }
    if "run" in energy and len(energy) > 2:  # a clock alone
        energy["run"] = clock["run"]
    return {
        "module": logic.module,
        "parameters": formats | (dict([size]) if size else {}),
        "cells": 1,
        "area_um2": 100.0 * scale * (place + 1),
        "leakage_uw": 3.0 * scale * (place + 1),
        "energy_pj": {name: scale * pj for name, pj in energy.items()},
        "clock_pj": {name: scale * pj for name, pj in clock.items()},
        "clock_gated": gated,
    }


def made_up(clock_gated: bool = False) -> Table:
    """Return a table with two netlists of each module, four where its size varies."""
    rows = []
    for index, logic in enumerate(LOGIC):
        name = SIZES.get(logic.module)
        sizes = [(name, size) for size in LEAST[name]] if name else [None]
        rows += [row(logic, index, size, gated) for size in sizes for gated in (False, True)]
    return table_of({"technology": "nangate45", "modules": rows}, clock_gated)
