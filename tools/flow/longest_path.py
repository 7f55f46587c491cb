"""Static timing of a mapped netlist: the longest path between registers, from Liberty tables.

A cell's delay is read from its NLDM tables with the slew that arrives and the capacitance that its
output drives (the pins' capacitances; no wires). Rising and falling edges are taken together: each
arc counts with the slower of the two. A path starts at a register's clock or at an input of the
module, and ends at a register's data pin (without its setup time) or at an output.
"""

from __future__ import annotations

import bisect
import json
from dataclasses import dataclass
from pathlib import Path

from tools.flow.liberty_syntax import Group

CLOCK_SLEW_NS = 0.02


@dataclass(frozen=True)
class Table:
    """A look-up table over input slew and output load."""

    slews: tuple[float, ...]
    loads: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]

    def at(self, slew: float, load: float) -> float:
        """Return the value at a slew and load, linear between and beyond the table's points."""
        i, x = _place(self.slews, slew)
        j, y = _place(self.loads, load)
        low = self.values[i][j] * (1 - y) + self.values[i][j + 1] * y
        high = self.values[i + 1][j] * (1 - y) + self.values[i + 1][j + 1] * y
        return low * (1 - x) + high * x


def _place(points: tuple[float, ...], value: float) -> tuple[int, float]:
    index = min(max(bisect.bisect_right(points, value) - 1, 0), len(points) - 2)
    return index, (value - points[index]) / (points[index + 1] - points[index])


def _numbers(texts: list[str]) -> tuple[float, ...]:
    return tuple(float(number) for text in texts for number in text.replace(",", " ").split())


def _table(group: Group) -> Table:
    slews, loads = (_numbers(group.attributes[f"index_{n}"]) for n in (1, 2))
    values = tuple(_numbers([row]) for row in group.attributes["values"])
    return Table(slews, loads, values)


@dataclass(frozen=True)
class Arc:
    """Timing from one input of a cell to one output: (delay, slew) tables, for both edges."""

    start: str
    end: str
    tables: tuple[tuple[Table, Table], ...]


@dataclass(frozen=True)
class Cell:
    """What timing needs of a library cell."""

    capacitances: dict[str, float]
    arcs: tuple[Arc, ...]
    sequential: bool


def cells_of(library: Group) -> dict[str, Cell]:
    """Return the cells of a library by name."""
    cells = {}
    for group in library.all("cell"):
        capacitances, arcs = {}, []
        for pin in group.all("pin"):
            if "capacitance" in pin.attributes:
                capacitances[pin.name] = float(pin.attributes["capacitance"][0])
            for timing in pin.all("timing"):
                found = {inner.kind: inner for inner in timing.groups}
                tables = tuple(
                    (_table(found[f"cell_{edge}"]), _table(found[f"{edge}_transition"]))
                    for edge in ("rise", "fall")
                    if f"cell_{edge}" in found and "index_2" in found[f"cell_{edge}"].attributes
                )
                if tables:
                    arcs.append(Arc(timing.attributes["related_pin"][0], pin.name, tables))
        cells[group.name] = Cell(capacitances, tuple(arcs), any(group.all("ff")))
    return cells


def longest_path_ns(netlist: Path, cells: dict[str, Cell]) -> float:
    """Return the longest path of module design_top in Yosys' JSON netlist."""
    module = json.loads(netlist.read_text())["modules"]["design_top"]
    instances = [i for i in module["cells"].values() if i["type"] in cells]
    load: dict[int, float] = {}
    for instance in instances:
        for pin, capacitance in cells[instance["type"]].capacitances.items():
            for net in instance["connections"].get(pin, ()):
                load[net] = load.get(net, 0.0) + capacitance
    arrival: dict[int, tuple[float, float]] = {}  # net -> (time, slew)
    for port in module["ports"].values():
        if port["direction"] == "input":
            arrival |= {net: (0.0, CLOCK_SLEW_NS) for net in port["bits"] if isinstance(net, int)}
    sources: dict[int, dict] = {}
    for instance in instances:
        cell = cells[instance["type"]]
        for arc in cell.arcs:
            for net in instance["connections"].get(arc.end, ()):
                sources[net] = instance
    longest = 0.0
    for net in _in_order(sources, cells):
        instance = sources[net]
        time = slew = 0.0
        for arc in cells[instance["type"]].arcs:
            ends = instance["connections"].get(arc.end, ())
            starts = instance["connections"].get(arc.start, ())
            if net not in ends or not starts or not isinstance(starts[0], int):
                continue
            begin, edge = arrival.get(starts[0], (0.0, CLOCK_SLEW_NS))
            for delay, transition in arc.tables:
                time = max(time, begin + delay.at(edge, load.get(net, 0.0)))
                slew = max(slew, transition.at(edge, load.get(net, 0.0)))
        arrival[net] = (time, slew)
        longest = max(longest, time)
    return longest


def _in_order(sources: dict[int, dict], cells: dict[str, Cell]) -> list[int]:
    """Return the driven nets so that a combinational cell comes after those that drive it."""
    order: list[int] = []
    done: set[int] = set()
    for root in sources:
        stack = [(root, False)]
        while stack:
            net, expanded = stack.pop()
            if net in done:
                continue
            instance = sources[net]
            if expanded or cells[instance["type"]].sequential:
                done.add(net)
                order.append(net)
                continue
            stack.append((net, True))
            for arc in cells[instance["type"]].arcs:
                for before in instance["connections"].get(arc.start, ()):
                    if before in sources and before not in done:
                        stack.append((before, False))
    return order
