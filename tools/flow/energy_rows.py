"""From replayed windows to a row of the table: energy of each operation class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.cost.logic import LOGIC
from tools.flow.units import Unit


def fit(
    counts: Sequence[Mapping[str, float]],
    energy_pj: Sequence[float],
    weights: NDArray | None = None,
) -> dict[str, float]:
    """Return the energy of each operation from sums over windows: least squares, none negative."""
    names = sorted({name for row in counts for name in row})
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in counts])
    target = np.asarray(energy_pj)
    if weights is not None:
        matrix, target = matrix * weights[:, None], target * weights
    keep = [i for i in range(len(names)) if matrix[:, i].any()]
    while keep:
        found = np.linalg.lstsq(matrix[:, keep], target, rcond=None)[0]
        if found.min() >= 0:
            return {names[i]: float(value) for i, value in zip(keep, found, strict=True)}
        keep.pop(int(found.argmin()))
    return {}


def operation_energies(
    unit: Unit,
    rows: int,
    idle_pj: float,
    counts: Sequence[Mapping[str, float]],
    windows_pj: Sequence[NDArray[np.float64]],
) -> dict[str, float]:
    """Return pJ by operation class: `idle`, and idle plus what one operation adds to a cycle.

    Where operations are counted in active rows, a class is a cycle with all `rows` of them.
    """
    extra = [float(window.sum()) - idle_pj * len(window) for window in windows_pj]
    scale = rows if unit.rows else 1
    result = {name: idle_pj + scale * value for name, value in fit(counts, extra).items()}
    if "result" in result:
        result["requantize"] = result.pop("result") + result.get("term", idle_pj) - idle_pj
        result.setdefault("term", idle_pj)
    for logic in LOGIC:
        if logic.module == unit.module and not unit.rows:
            for name in logic.operations:  # too weak to be told from the others
                result.setdefault(name, idle_pj)
    if unit.rows:
        result["zero"] = idle_pj
    return {**result, "idle": idle_pj}


def row_json(
    module: str, parameters: Mapping[str, int], facts: Mapping[str, float],
    energy_pj: Mapping[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Return a row as it stands in the table; energies to four digits."""
    return {
        "module": module,
        "parameters": dict(parameters),
        "cells": int(facts["cells"]),
        "area_um2": round(facts["area_um2"], 3),
        "leakage_uw": float(f"{facts['leakage_uw']:.4g}"),
        "energy_pj": {name: float(f"{value:.4g}") for name, value in energy_pj.items()},
    }
