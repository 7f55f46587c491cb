"""Cells of a Liberty library: functions, capacitances, timing and power tables.

Units of what is returned: ps, fF, fJ, nW, V. Liberty's unit of energy is (unit of voltage)^2 times
the unit of capacitance: fJ in Nangate45 (fF), pJ in SG13G2 (pF).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.flow.liberty_syntax import Group, leakage_unit_nw, read_liberty

_TIMES_PS = {"1ns": 1e3, "1ps": 1.0}
_CAPACITANCES_FF = {"ff": 1.0, "pf": 1e3}


@dataclass(frozen=True)
class Table:
    """A table over slew (ps) and load (fF); outside of its points, the value at the edge."""

    slews: NDArray[np.float64]
    loads: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, slew: NDArray[np.float64], load: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values at many points, bilinear."""
        i, x = _place(self.slews, slew)
        j, y = _place(self.loads, load)
        v, i1, j1 = (
            self.values,
            np.minimum(i + 1, len(self.slews) - 1),
            np.minimum(j + 1, len(self.loads) - 1),
        )
        low = v[i, j] * (1 - y) + v[i, j1] * y
        high = v[i1, j] * (1 - y) + v[i1, j1] * y
        return low * (1 - x) + high * x


def _place(
    points: NDArray[np.float64], value: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    value = np.clip(value, points[0], points[-1])
    if len(points) == 1:
        return np.zeros(len(value), np.int64), np.zeros(len(value))
    index = np.clip(np.searchsorted(points, value, side="right") - 1, 0, len(points) - 2)
    return index, (value - points[index]) / (points[index + 1] - points[index])


@dataclass(frozen=True)
class Arc:
    """Timing from `start` to output `end`: delay and slew tables of the rising, falling output."""

    start: str
    end: str
    delay: tuple[Table, Table]
    slew: tuple[Table, Table]


@dataclass(frozen=True)
class Power:
    """Energy inside the cell of an edge of `pin`: of an output caused by `related`, or of an input.

    `when` is a condition on the other pins in this module's syntax; empty: none.
    """

    pin: str
    related: str
    when: str
    rise: Table
    fall: Table


@dataclass(frozen=True)
class FlipFlop:
    """A register: expressions of its clock, next state, clear and preset (empty: none)."""

    state: str
    inverse: str
    clocked_on: str
    next_state: str
    clear: str
    preset: str


@dataclass(frozen=True)
class ClockGate:
    """An integrated clock gate: a latch, open while the clock is low, and an AND behind it."""

    clock: str
    enable: str
    output: str


@dataclass(frozen=True)
class Cell:
    """A cell that may stand in a netlist."""

    name: str
    area_um2: float
    leakage_nw: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    functions: dict[str, str]
    capacitances_ff: dict[str, float]
    arcs: tuple[Arc, ...]
    powers: tuple[Power, ...]
    flip_flop: FlipFlop | None
    clock_gate: ClockGate | None = None

    @property
    def pins(self) -> tuple[str, ...]:
        """Inputs, then outputs."""
        return self.inputs + self.outputs


@dataclass(frozen=True)
class Library:
    """A technology's cells."""

    name: str
    voltage_v: float
    temperature_c: float
    cells: dict[str, Cell]

    @property
    def smallest_clock_gate(self) -> Cell:
        """The smallest cell that stops a clock."""
        return min((c for c in self.cells.values() if c.clock_gate), key=lambda c: c.area_um2)


def expression(text: str) -> str:
    """Return a Liberty function in the syntax that Verilog and Python share: ~ & | ^ ( )."""
    text = re.sub(r"(\w+|\))\s*'", r"~\1", text) if "'" in text else text
    text = text.replace("!", "~").replace("*", "&").replace("+", "|")
    return re.sub(r"\b(\w+)\s+(?=[\w~(])", r"\1 & ", text)


def holds(condition: str, pins: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return for each state of `pins` (bit i: pin i) whether the condition holds; empty: always."""
    states = np.arange(1 << len(pins))
    if not condition:
        return np.ones(len(states), bool)
    names = {pin: (states >> index & 1).astype(bool) for index, pin in enumerate(pins)}
    return np.asarray(eval(condition, {"__builtins__": {}}, names), bool)  # of a library's text


def read_library(path: Path) -> Library:
    """Return the library at `path` (.lib or .lib.gz)."""
    group = read_liberty(path)
    amount, unit = group.attributes["capacitive_load_unit"]
    reader = _Reader(
        _TIMES_PS[group.attributes["time_unit"][0]],
        float(amount) * _CAPACITANCES_FF[unit.lower()],
        leakage_unit_nw(group),
    )
    voltage = float(group.attributes["nom_voltage"][0])
    temperature = float(group.attributes["nom_temperature"][0])
    cells = {cell.name: reader.cell(cell) for cell in group.all("cell")}
    return Library(group.name, voltage, temperature, cells)


@dataclass(frozen=True)
class _Reader:
    time_ps: float
    capacitance_ff: float
    leakage_nw: float

    def table(self, group: Group, value: float) -> Table:
        """Return a table of one or two dimensions, or a scalar; its values times `value`."""
        texts = [group.attributes.get(f"index_{n}") for n in (1, 2)]
        slews = _numbers(texts[0]) * self.time_ps if texts[0] else np.zeros(1)
        loads = _numbers(texts[1]) * self.capacitance_ff if texts[1] else np.zeros(1)
        values = _numbers(group.attributes["values"]).reshape(len(slews), len(loads))
        return Table(slews, loads, values * value)

    def cell(self, group: Group) -> Cell:
        inputs: list[str] = []
        outputs: list[str] = []
        functions: dict[str, str] = {}
        capacitances: dict[str, float] = {}
        arcs: list[Arc] = []
        powers: list[Power] = []
        for pin in group.all("pin"):
            attributes = pin.attributes
            direction = attributes["direction"][0]
            if direction not in ("input", "output"):
                continue
            (inputs if direction == "input" else outputs).append(pin.name)
            if direction == "input":
                capacitances[pin.name] = float(attributes["capacitance"][0]) * self.capacitance_ff
            if "function" in attributes:
                functions[pin.name] = expression(attributes["function"][0])
            arcs += self.arcs(pin)
            powers += self.powers(pin, direction == "output")
        leakage = float(group.attributes.get("cell_leakage_power", ["0"])[0]) * self.leakage_nw
        return Cell(
            group.name, float(group.attributes["area"][0]), leakage, tuple(inputs),
            tuple(outputs), functions, capacitances, tuple(arcs), tuple(powers), _flip_flop(group),
            _clock_gate(group),
        )  # fmt: skip

    def arcs(self, pin: Group) -> list[Arc]:
        found = []
        for timing in pin.all("timing"):
            tables = {inner.kind: inner for inner in timing.groups}
            kind = timing.attributes.get("timing_type", [""])[0]
            if "cell_rise" not in tables or "cell_fall" not in tables or "three" in kind:
                continue
            delay, slew = (
                (self.table(tables[rise], self.time_ps), self.table(tables[fall], self.time_ps))
                for rise, fall in (
                    ("cell_rise", "cell_fall"), ("rise_transition", "fall_transition"),
                )
            )  # fmt: skip
            found.append(Arc(timing.attributes["related_pin"][0], pin.name, delay, slew))
        return found

    def powers(self, pin: Group, output: bool) -> list[Power]:
        found = []
        for power in pin.all("internal_power"):
            tables = {inner.kind: inner for inner in power.groups}
            rise = tables.get("rise_power") or tables.get("power")
            fall = tables.get("fall_power") or tables.get("power")
            if rise is None or fall is None:
                continue
            related = power.attributes.get("related_pin", [""])[0] if output else ""
            when = expression(power.attributes.get("when", [""])[0])
            energy = self.capacitance_ff  # V^2 * fF = fJ
            found.append(
                Power(pin.name, related, when, self.table(rise, energy), self.table(fall, energy))
            )
        return found


def _numbers(texts: list[str]) -> NDArray[np.float64]:
    return np.array([float(n) for text in texts for n in text.replace(",", " ").split()])


def _flip_flop(group: Group) -> FlipFlop | None:
    for ff in group.all("ff"):
        get = {key: expression(value[0]) for key, value in ff.attributes.items()}
        names = ff.names
        return FlipFlop(
            names[0], names[1], get["clocked_on"], get["next_state"], get.get("clear", ""),
            get.get("preset", ""),
        )  # fmt: skip
    return None


def _clock_gate(group: Group) -> ClockGate | None:
    """Return what a gate without a pin for tests has."""
    if group.attributes.get("clock_gating_integrated_cell") != ["latch_posedge"]:
        return None
    clock, enable, output = (
        next(pin.name for pin in group.all("pin") if f"clock_gate_{role}_pin" in pin.attributes)
        for role in ("clock", "enable", "out")
    )
    return ClockGate(clock, enable, output)
