"""Area of a machine by module: synthesized logic and fitted memories, without wires."""

from __future__ import annotations

from typing import Any

from npusim.cost.logic import LOGIC, parameters
from npusim.cost.memories import memories
from npusim.cost.table import load_table
from npusim.machines import Machine


def area_um2(machine: Machine, technology: str) -> dict[str, float]:
    """Return the area of all instances of each module and scratchpad, in um2, and their `total`.

    Raises
    ------
    FormatError, UnsupportedError
        The technology's table lacks a module or the machine's formats.
    """
    table = load_table(technology, machine.energy.clock_gating)
    built = parameters(machine)
    area = {
        logic.module: logic.instances(machine) * table.value(logic.module, built, "area_um2")
        for logic in LOGIC
        if logic.instances(machine)
    }
    area |= {f"{pad.name}_memory": pad.area_um2 for pad in memories(machine, technology)}
    return {"total": sum(area.values()), **area}


def area_json(machine: Machine) -> dict[str, Any]:
    """Return what the results' JSON says of `machine` itself; docs/json.md has the keys."""
    area = area_um2(machine, machine.energy.technology)
    return {
        "technology": machine.energy.technology,
        "area_um2": area.pop("total"),
        "area_um2_by_module": area,
    }
