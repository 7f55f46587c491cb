"""Energy of every edge in a value change dump: a compiled walk over the dump's bytes.

An edge of an output costs the cell's internal energy for the input that changed last and for the
state of the others; an edge of an input what the input's own table says; and half of C V^2 for each
pin on the net, booked where the pin is. What edges of clocks cost, in registers and clock gates, is
counted once more by itself. Edges from or to x cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tools.flow.liberty import Cell, Power, holds
from tools.flow.netlist import Netlist, Timing

_CHUNK_BYTES = 1 << 24
_MOST_PINS = 8
_STATES = 1 << _MOST_PINS


@dataclass(eq=False)
class Prices:
    """Energies of a netlist's edges, as arrays for the walk.

    `pins` [instances 8]: nets, -1 where absent; `kind` [instances]: cell type; `entry_of`
    [types, pin, related pin, state]: entry or -1; `entry_fj` [entries, edge]; `offset` [instances]
    first entry of an instance; sinks of a net: `sink_first` [nets + 1] into `sink` [pins, 2].
    """

    groups: tuple[str, ...]
    pins: NDArray[np.int32]
    kind: NDArray[np.int32]
    group: NDArray[np.int32]
    offset: NDArray[np.int64]
    entry_of: NDArray[np.int16]
    entry_fj: NDArray[np.float64]
    is_register: NDArray[np.bool_]
    """Or a clock gate: types whose input pins have prices in some states alone."""
    is_clock: NDArray[np.bool_]
    """[nets]"""
    sink_first: NDArray[np.int64]
    sink: NDArray[np.int32]
    sink_fj: NDArray[np.float64]
    driver: NDArray[np.int32]
    driver_pin: NDArray[np.int32]


def prices(netlist: Netlist, timing: Timing) -> Prices:
    """Return the energies of all edges at each net's slew and load."""
    cells, voltage = netlist.library.cells, netlist.library.voltage_v
    kinds = sorted(set(netlist.types))
    groups = tuple(sorted(set(netlist.groups)))
    count = len(netlist.types)
    pins = np.full((count, _MOST_PINS), -1, np.int32)
    for i, (name, nets) in enumerate(zip(netlist.types, netlist.connections, strict=True)):
        for index, pin in enumerate(cells[name].pins):
            pins[i, index] = nets.get(pin, -1)
    kind = np.array([kinds.index(name) for name in netlist.types], np.int32)
    entry_of = np.full((len(kinds), _MOST_PINS, _MOST_PINS, _STATES), -1, np.int16)
    sizes = np.array([len(cells[name].powers) for name in kinds], np.int64)
    offset = np.concatenate([[0], np.cumsum(sizes[kind])[:-1]])
    entry_fj = np.zeros((int(sizes[kind].sum()), 2))
    driver, driver_pin = (np.full(netlist.nets, -1, np.int32) for _ in range(2))
    sinks: list[tuple[int, int, int, float]] = []
    for k, name in enumerate(kinds):
        cell, rows = cells[name], np.flatnonzero(kind == k)
        _entries(cell, entry_of[k])
        for e, power in enumerate(cell.powers):
            entry_fj[offset[rows] + e] = _energies(cell, power, pins[rows], timing)
        for index, pin in enumerate(cell.pins):
            nets = pins[rows, index]
            mine = rows[nets >= 0]
            if pin in cell.outputs:
                driver[pins[mine, index]], driver_pin[pins[mine, index]] = mine, index
            else:
                energy = 0.5 * cell.capacitances_ff[pin] * voltage**2
                sinks += [(int(pins[i, index]), int(i), index, energy) for i in mine]
    sinks.sort()
    ends = np.searchsorted([s[0] for s in sinks], np.arange(netlist.nets + 1))
    return Prices(
        groups, pins, kind, np.array([groups.index(g) for g in netlist.groups], np.int32), offset,
        entry_of, entry_fj,
        np.array([bool(cells[name].flip_flop or cells[name].clock_gate) for name in kinds]),
        np.isin(np.arange(netlist.nets), list(netlist.clocks())),
        ends.astype(np.int64), np.array([s[1:3] for s in sinks], np.int32),
        np.array([s[3] for s in sinks]), driver, driver_pin,
    )  # fmt: skip


def _entries(cell: Cell, table: NDArray[np.int16]) -> None:
    states = 1 << len(cell.pins)
    # Conditions first, then what has none, where no condition held.
    for conditional in (True, False):
        for e, power in enumerate(cell.powers):
            if bool(power.when) != conditional:
                continue
            pin = cell.pins.index(power.pin)
            related = cell.pins.index(power.related) if power.related else pin
            place = table[pin, related, :states]
            place[holds(power.when, cell.pins) & (place < 0)] = e


def _energies(
    cell: Cell, power: Power, pins: NDArray[np.int32], timing: Timing
) -> NDArray[np.float64]:
    own = pins[:, cell.pins.index(power.pin)]
    start = pins[:, cell.pins.index(power.related)] if power.related else own
    slew, load = timing.slew_ps[start], timing.load_ff[own]
    return np.stack([power.rise.at(slew, load), power.fall.at(slew, load)], axis=1)


@dataclass(frozen=True, eq=False)
class Energies:
    """What a dump cost, [cycles, groups], and of it by edges of clocks; edges of nets [nets]."""

    groups: tuple[str, ...]
    energy_fj: NDArray[np.float64]
    clock_fj: NDArray[np.float64]
    edges: NDArray[np.int64]


def dump_energies(
    path: Path, netlist: Netlist, timing: Timing, cycles: int, period_ps: int
) -> Energies:
    """Return the energies of all `cycles` cycles in the dump at `path` (a FIFO)."""
    p = prices(netlist, timing)
    value = np.full(netlist.nets, 2, np.uint8)
    value[0], value[1] = 0, 1
    changed = np.zeros(netlist.nets, np.int64)
    energy, of_clocks = np.zeros((2, cycles, len(p.groups)))
    edges = np.zeros(netlist.nets, np.int64)
    clock = np.zeros(1, np.int64)
    ids: list[tuple[int, int]] = []
    for number, body in _chunks(path, ids):
        if number == 0:
            first_net, nets = _net_lists(ids)
        _walk(
            np.frombuffer(body, np.uint8), first_net, nets, value, changed, clock, period_ps,
            p.pins, p.kind, p.group, p.offset, p.entry_of,
            p.entry_fj, p.is_register, p.is_clock, p.sink_first, p.sink, p.sink_fj, p.driver,
            p.driver_pin, energy, of_clocks, edges,
        )  # fmt: skip
    return Energies(p.groups, energy, of_clocks, edges)


def _code(text: bytes) -> int:
    code = 0
    for character in reversed(text):
        code = code * 94 + character - 33
    return code + (94 ** len(text) - 94) // 93


def _net_lists(ids: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return, for each code, where its nets begin in the second array (nets may share a code)."""
    ids.sort()
    codes = [code for code, _ in ids]
    first = np.searchsorted(codes, np.arange(codes[-1] + 2)).astype(np.int64)
    return first, np.array([net for _, net in ids], np.int32)


def _chunks(path: Path, ids: list[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Yield the dump's changes in pieces that end with a line; `ids` takes (code, net)."""
    with path.open("rb") as file:
        for line in file:
            words = line.split()
            if words[:1] == [b"$enddefinitions"]:
                break
            if words[:1] == [b"$var"] and words[2] == b"1" and words[4][:1] == b"n":
                ids.append((_code(words[3]), int(words[4][1:])))
        number, rest = 0, b""
        while data := file.read(_CHUNK_BYTES):
            data = rest + data
            end = data.rfind(b"\n") + 1
            yield number, data[:end]
            number, rest = number + 1, data[end:]


@njit(cache=True)
def _walk(text, first_net, nets, value, changed, clock, period, pins, kind, group, offset,
          entry_of, entry_fj, is_register, is_clock, sink_first, sink, sink_fj, driver, driver_pin,
          energy, of_clocks, edges):  # fmt: skip
    at, end = 0, len(text)
    now = clock[0]
    while at < end:
        head = text[at]
        at += 1
        if head == 35:  # '#'
            now = 0
            while text[at] != 10:
                now = now * 10 + text[at] - 48
                at += 1
        elif head == 48 or head == 49 or head == 120 or head == 122:  # 0 1 x z
            new = head - 48 if head < 50 else 2
            code, power, length = 0, 1, 0
            while text[at] > 32:
                code += (text[at] - 33) * power
                power *= 94
                length += 1
                at += 1
            code += (power - 94) // 93
            if code + 1 < len(first_net):
                cycle = now // period
                for n in range(first_net[code], first_net[code + 1]):
                    net = nets[n]
                    old = value[net]
                    value[net] = new
                    if old < 2 and new < 2 and old != new and 0 <= cycle < len(energy):
                        edges[net] += 1
                        _price(net, new, energy[cycle], value, changed, pins, kind, group, offset,
                               entry_of, entry_fj, is_register, sink_first, sink, sink_fj, driver,
                               driver_pin)  # fmt: skip
                        if is_clock[net]:
                            _price(net, new, of_clocks[cycle], value, changed, pins, kind, group,
                                   offset, entry_of, entry_fj, is_register, sink_first, sink,
                                   sink_fj, driver, driver_pin)  # fmt: skip
                    changed[net] = now
        while text[at] != 10:
            at += 1
        at += 1
    clock[0] = now


@njit(cache=True)
def _state(i, pins, value):
    state = 0
    for pin in range(_MOST_PINS):
        net = pins[i, pin]
        if net >= 0 and value[net] == 1:
            state |= 1 << pin
    return state


@njit(cache=True)
def _price(net, new, energy, value, changed, pins, kind, group, offset, entry_of, entry_fj,
           is_register, sink_first, sink, sink_fj, driver, driver_pin):  # fmt: skip
    edge = 1 - new
    i = driver[net]
    if i >= 0:
        pin, state = driver_pin[net], _state(i, pins, value)
        table = entry_of[kind[i], pin]
        best, latest = -1, np.int64(-1)
        for other in range(_MOST_PINS):
            entry = table[other, state]
            if entry >= 0 and pins[i, other] >= 0 and changed[pins[i, other]] > latest:
                best, latest = entry, changed[pins[i, other]]
        if best >= 0:
            energy[group[i]] += entry_fj[offset[i] + best, edge]
    for s in range(sink_first[net], sink_first[net + 1]):
        i, pin = sink[s, 0], sink[s, 1]
        energy[group[i]] += sink_fj[s]
        if entry_of[kind[i], pin, pin, 0] >= 0 or is_register[kind[i]]:
            entry = entry_of[kind[i], pin, pin, _state(i, pins, value)]
            if entry >= 0:
                energy[group[i]] += entry_fj[offset[i] + entry, edge]
