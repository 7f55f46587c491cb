"""A mapped netlist as arrays: instances, nets, and the delay, slew and load of each.

Clocks are ideal, those behind a clock gate too, and wires have no capacitance; a net's load is that
of the pins on it. Each edge of an output has one delay, the mean of its arcs' at the slew that
arrives and the net's load.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.flow.liberty import Arc, Library

INPUT_SLEW_PS = 20.0
"""Slew at inputs and clock pins, behind a clock gate too."""
LOW, HIGH = 0, 1
"""Nets of the constants; Yosys numbers its own from 2."""

_BOX = re.compile(r"\bnpu_\w+")
_GROUP = re.compile(r"^\$flatten\\?(.*?)\.?\$")


@dataclass(frozen=True)
class Port:
    """A port of the netlist, or a pin of a memory that stays outside of it."""

    name: str
    nets: tuple[int, ...]
    """Lowest bit first."""
    source: str
    """Where it is found below the instance in RTL."""


@dataclass(eq=False)
class Netlist:
    """Instances by cell type and group (place in the hierarchy before it was flattened)."""

    library: Library
    clock: int
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    connections: list[dict[str, int]] = field(default_factory=list)
    nets: int = 2
    names: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Net -> a name in RTL, below the instance, and the bit of it."""

    def registers(self) -> dict[int, tuple[str, int, bool]]:
        """Return for each register (instance) the signal, the bit, and whether it is inverted."""
        found = {}
        for i, (name, nets) in enumerate(zip(self.types, self.connections, strict=True)):
            cell = self.library.cells[name]
            if cell.flip_flop is None:
                continue
            for pin in cell.outputs:
                if pin in nets and nets[pin] in self.names:
                    inverted = cell.functions[pin] != cell.flip_flop.state
                    found[i] = (*self.names[nets[pin]], inverted)
                    break
            else:
                raise SystemExit(f"{name} u{i}: expected a register with a name in RTL")
        return found

    def clocks(self) -> set[int]:
        """Return the nets that are a clock: the one from outside, and those behind clock gates."""
        gated = {
            nets[gate.output]
            for name, nets in zip(self.types, self.connections, strict=True)
            if (gate := self.library.cells[name].clock_gate)
        }
        return gated if self.clock == LOW else {self.clock, *gated}

    @property
    def area_um2(self) -> dict[str, float]:
        """Area of each group."""
        area: dict[str, float] = defaultdict(float)
        for name, group in zip(self.types, self.groups, strict=True):
            area[group] += self.library.cells[name].area_um2
        return dict(area)

    @property
    def leakage_uw(self) -> dict[str, float]:
        """Leakage of each group, at the cells' mean over their states."""
        leakage: dict[str, float] = defaultdict(float)
        for name, group in zip(self.types, self.groups, strict=True):
            leakage[group] += self.library.cells[name].leakage_nw / 1e3
        return dict(leakage)


def read_netlist(path: Path, library: Library) -> Netlist:
    """Return the top module of Yosys' JSON; pins of instances without content become ports."""
    modules = json.loads(path.read_text())["modules"]
    module = modules["design_top"]
    ports = {name: tuple(map(_net, port["bits"])) for name, port in module["ports"].items()}
    netlist = Netlist(library, ports.get("clk_i", (LOW,))[0])
    for name, port in module["ports"].items():
        place = Port(name, ports[name], name)
        if name == "clk_i":
            continue
        (netlist.inputs if port["direction"] == "input" else netlist.outputs).append(place)
    for name, cell in module["cells"].items():
        if _BOX.search(cell["type"]):
            for pin, bits in cell["connections"].items():
                port = Port(f"{name}.{pin}", tuple(map(_net, bits)), f"{name}.{pin}")
                if modules[cell["type"]]["ports"][pin]["direction"] == "output":
                    netlist.inputs.append(port)
                elif pin != "clk_i":
                    netlist.outputs.append(port)
            continue
        if cell["type"] == "$scopeinfo":
            continue
        if cell["type"] not in library.cells:
            raise SystemExit(f"{path}: {name}: expected a library cell, found {cell['type']}")
        netlist.types.append(cell["type"])
        found = _GROUP.match(name)
        netlist.groups.append(found[1].replace("\\", "") if found else "")
        nets = {pin: _net(bits[0]) for pin, bits in cell["connections"].items() if bits}
        netlist.connections.append(nets)
    for name, entry in module["netnames"].items():
        if not entry["hide_name"]:
            name = re.sub(r"\bgenblk\d+\.", "", name)  # Yosys' own scope of an `else if`
            for offset, bit in enumerate(entry["bits"]):
                netlist.names.setdefault(_net(bit), (name, offset + entry.get("offset", 0)))
    used = [net for nets in netlist.connections for net in nets.values()]
    used += [net for end in netlist.inputs + netlist.outputs for net in end.nets]
    netlist.nets = max(used) + 1
    # Conditions of power tables name all outputs, also those that drive nothing.
    for name, nets in zip(netlist.types, netlist.connections, strict=True):
        for pin in library.cells[name].outputs:
            if pin not in nets:
                nets[pin] = netlist.nets
                netlist.nets += 1
    return netlist


def _net(bit: int | str) -> int:
    return bit if isinstance(bit, int) else {"1": HIGH}.get(bit, LOW)


@dataclass(frozen=True, eq=False)
class Timing:
    """Load (fF) and slew (ps) of each net; arrival (ps); delays (rise, fall) of each output."""

    load_ff: NDArray[np.float64]
    slew_ps: NDArray[np.float64]
    delays_ps: list[dict[str, tuple[int, int]]]
    longest_ps: float


def timing(netlist: Netlist) -> Timing:
    """Return loads, slews and delays, cells in the order of signal flow, one level at a time."""
    cells = netlist.library.cells
    load = np.zeros(netlist.nets)
    driver: dict[int, int] = {}
    for i, (name, nets) in enumerate(zip(netlist.types, netlist.connections, strict=True)):
        cell = cells[name]
        for pin, net in nets.items():
            if pin in cell.capacitances_ff:
                load[net] += cell.capacitances_ff[pin]
            else:
                driver[net] = i
    slew = np.full(netlist.nets, INPUT_SLEW_PS)
    arrival = np.zeros(netlist.nets)
    delays: list[dict[str, tuple[int, int]]] = [{} for _ in netlist.types]
    for level in _levels(netlist, driver):
        for name, members in level.items():
            if cells[name].clock_gate:
                continue
            by_output: dict[str, list[Arc]] = defaultdict(list)
            for arc in cells[name].arcs:
                by_output[arc.end].append(arc)
            for output, arcs in by_output.items():
                rows = [i for i in members if output in netlist.connections[i]]
                if rows:
                    _delay(netlist, rows, output, arcs, load, slew, arrival, delays)
    return Timing(load, slew, delays, float(arrival.max()))


def _delay(netlist, rows, output, arcs, load, slew, arrival, delays) -> None:  # type: ignore
    nets = np.array([netlist.connections[i][output] for i in rows])
    edges, slews, late = [], [], np.zeros(len(rows))
    for arc in arcs:
        if any(arc.start not in netlist.connections[i] for i in rows):
            continue
        starts = np.array([netlist.connections[i][arc.start] for i in rows])
        both = np.stack([table.at(slew[starts], load[nets]) for table in arc.delay])
        edges.append(both)
        slews.append(np.mean([table.at(slew[starts], load[nets]) for table in arc.slew], axis=0))
        late = np.maximum(late, arrival[starts] + both.max(axis=0))
    mean = np.mean(edges, axis=0)
    for index, i in enumerate(rows):
        rise, fall = (max(1, round(float(edge))) for edge in mean[:, index])
        delays[i][output] = (rise, fall)
    slew[nets], arrival[nets] = np.mean(slews, axis=0), late


def _levels(netlist: Netlist, driver: dict[int, int]) -> list[dict[str, list[int]]]:
    """Return the instances by depth from registers and inputs, each level by cell type."""
    cells = netlist.library.cells
    depth = [-1] * len(netlist.types)
    for root in range(len(depth)):
        stack = [root]
        while stack:
            i = stack[-1]
            if depth[i] >= 0:
                stack.pop()
                continue
            cell = cells[netlist.types[i]]
            before = (
                []
                if cell.flip_flop or cell.clock_gate
                else [
                    driver[net]
                    for pin, net in netlist.connections[i].items()
                    if pin in cell.capacitances_ff and net in driver
                ]
            )
            open_ones = [j for j in before if depth[j] < 0]
            if open_ones:
                stack += open_ones
            else:
                depth[i] = 1 + max((depth[j] for j in before), default=-1)
                stack.pop()
    levels: list[dict[str, list[int]]] = [defaultdict(list) for _ in range(max(depth) + 1)]
    for i, level in enumerate(depth):
        levels[level][netlist.types[i]].append(i)
    return levels
