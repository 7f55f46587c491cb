"""From replayed windows to a row of the table: energy of each operation class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.cost.logic import LOGIC
from tools.flow.netlist import Netlist
from tools.flow.record import Recording
from tools.flow.replay import Replay
from tools.flow.units import Unit

COUNTED = ("cells", "registers", "gated_registers", "clock_gates")


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


@dataclass(frozen=True, eq=False)
class Measured:
    """Energy of the cycles of a window in pJ, and what edges of clocks took of it."""

    energy_pj: NDArray[np.float64]
    clock_pj: NDArray[np.float64]

    @property
    def data_pj(self) -> NDArray[np.float64]:
        """What is no clock's."""
        return self.energy_pj - self.clock_pj


def measured(result: Replay) -> list[Measured]:
    """Return each window of a replay."""
    return [
        Measured(whole.sum(axis=1) / 1e3, clock.sum(axis=1) / 1e3)
        for whole, clock in zip(result.windows_fj, result.clocks_fj, strict=True)
    ]


@dataclass(frozen=True)
class Classes:
    """pJ of a cycle by operation class, and of it the clocks'."""

    energy_pj: Mapping[str, float]
    clock_pj: Mapping[str, float]


def operation_energies(
    unit: Unit,
    rows: int,
    idle: Measured,
    recordings: Sequence[tuple[Recording, str]],
    windows: Sequence[Measured],
) -> Classes:
    """Return pJ by operation class: `idle`, and idle plus what one operation adds to a cycle.

    Clocks and all else are divided among operations apart: clock gates may be on in other cycles.
    Where operations are counted in active rows, a class is a cycle with all `rows` of them.
    """
    counts = [unit.count(*recording) for recording in recordings]
    clocked = [unit.clocked(*recording) for recording in recordings] if unit.clocked else counts
    at_rest, ticking = (float(np.median(part)) for part in (idle.data_pj, idle.clock_pj))
    data = _added(counts, [w.data_pj for w in windows], at_rest)
    clock = _added(clocked, [w.clock_pj for w in windows], ticking)
    if unit.rows:
        data = {name: rows * value for name, value in data.items()}
    names = {"idle", *data, *clock}
    if unit.clocked:
        clock |= dict.fromkeys(data, clock.get("run", 0.0))
    for logic in LOGIC:
        if logic.module == unit.module and not unit.rows:
            names |= {*logic.operations}  # too weak to be told from the others
    if "result" in names:
        names.remove("result")
        for part in (data, clock):
            part["requantize"] = part.get("result", 0.0) + part.get("term", 0.0)
    ordered = [*sorted(names - {"idle"}), "idle"]
    clocks = {name: ticking + clock.get(name, 0.0) for name in ordered}
    return Classes({name: at_rest + data.get(name, 0.0) + clocks[name] for name in ordered}, clocks)


def _added(
    counts: Sequence[Mapping[str, float]], windows: Sequence[NDArray[np.float64]], idle_pj: float
) -> dict[str, float]:
    return fit(counts, [float(window.sum()) - idle_pj * len(window) for window in windows])


def row_json(
    module: str, parameters: Mapping[str, int], facts: Mapping[str, float],
    classes: Classes,
) -> dict[str, Any]:  # fmt: skip
    """Return a row as it stands in the table; energies to four digits."""
    return {
        "module": module,
        "parameters": dict(parameters),
        **{name: int(facts[name]) for name in COUNTED},
        "area_um2": round(facts["area_um2"], 3),
        "leakage_uw": float(f"{facts['leakage_uw']:.4g}"),
        "energy_pj": {name: float(f"{value:.4g}") for name, value in classes.energy_pj.items()},
        "clock_pj": {name: float(f"{value:.4g}") for name, value in classes.clock_pj.items()},
    }


def facts_of(netlist: Netlist) -> dict[str, float]:
    """Return what a row says of a netlist: counts (COUNTED), area and leakage."""
    cells = [netlist.library.cells[name] for name in netlist.types]
    gated = netlist.clocks() - {netlist.clock}
    clocks = [
        nets[cell.flip_flop.clocked_on]
        for cell, nets in zip(cells, netlist.connections, strict=True)
        if cell.flip_flop
    ]
    return {
        "cells": len(cells), "registers": len(clocks),
        "gated_registers": sum(net in gated for net in clocks), "clock_gates": len(gated),
        "area_um2": sum(netlist.area_um2.values()),
        "leakage_uw": sum(netlist.leakage_uw.values()),
    }  # fmt: skip
