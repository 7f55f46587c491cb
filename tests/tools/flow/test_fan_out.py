"""Trees of buffers change what drives a sink's net, never whose value it is."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from tools.flow.fan_out import CLOCK, TOP, Modules, buffered
from tools.flow.liberty import Arc, Cell, Library, Table
from tools.flow.technologies import TECHNOLOGIES

NANGATE = TECHNOLOGIES[0]
LANE = "npu_lane"
MEMORY_FF = 7.0


def cell(name: str, inputs: dict[str, float], output: str, most_ff: float) -> Cell:
    table = Table(np.zeros(1), np.array([0.5, most_ff]), np.zeros((1, 2)))
    arc = Arc(next(iter(inputs)), output, (table, table), (table, table))
    return Cell(name, 1.0, 0.0, tuple(inputs), (output,), {}, inputs, (arc,), (), None)


CELLS = (
    cell("DFF_X1", {"D": 3.1, "CK": 2.9}, "Q", 60.0),
    cell("DFF_X2", {"D": 3.1, "CK": 2.9}, "Q", 120.0),
    cell("BUF_X2", {"A": 3.8}, "Z", 121.0),
    cell("BUF_X4", {"A": 5.4}, "Z", 242.0),
    cell("INV_X1", {"A": 3.7}, "ZN", 60.0),
)
REGISTER_FF = NANGATE.filling * 120.0
LIBRARY = Library("few", 1.1, 25.0, {one.name: one for one in CELLS})


def instance(kind: str, **connections: int) -> dict[str, Any]:
    return {"type": kind, "connections": {pin: [bit] for pin, bit in connections.items()}}


def netlist(rng: random.Random, lanes: int, in_lane: int, in_top: int) -> Modules:
    """Return one register in the top that goes to `in_top` inverters and into every lane."""
    lane = {f"inverter_{i}": instance("INV_X1", A=3, ZN=10 + i) for i in range(in_lane)}
    top = {"register": instance("DFF_X1", D=4, CK=2, Q=5)}
    top |= {f"lane_{i}": instance(LANE, clk_i=2, x_i=5) for i in range(lanes)}
    top |= {f"inverter_{i}": instance("INV_X1", A=5, ZN=100 + i) for i in range(in_top)}
    top["bank"] = instance("bank_32x8", CLK=2, REN=5)
    names = list(top)
    rng.shuffle(names)

    def port(bit: int) -> dict[str, Any]:
        return {"direction": "input", "bits": [bit]}

    return {
        LANE: {"ports": {CLOCK: port(2), "x_i": port(3)}, "cells": lane, "attributes": {}},
        TOP: {"ports": {CLOCK: port(2), "d_i": port(4)}, "cells": {n: top[n] for n in names},
              "attributes": {}},
        "bank_32x8": {"ports": {"CLK": port(2), "REN": port(3)}, "cells": {},
                      "attributes": {"blackbox": "1"}},
    }  # fmt: skip


def loads(module: dict[str, Any], lane_ff: float) -> dict[int, float]:
    """Return what hangs on each net."""
    found: dict[int, float] = {}
    for one in module["cells"].values():
        for pin, (bit,) in one["connections"].items():
            of = LIBRARY.cells.get(one["type"])
            if of is None or pin in of.inputs:
                ff = (
                    of.capacitances_ff[pin] if of else lane_ff if one["type"] == LANE else MEMORY_FF
                )
                found[bit] = found.get(bit, 0.0) + ff
    return found


def root(module: dict[str, Any], bit: int) -> int:
    """Return the net of which `bit` is a copy."""
    drivers = {
        one["connections"]["Z"][0]: one["connections"]["A"][0]
        for one in module["cells"].values() if one["type"] == "BUF_X4"
    }  # fmt: skip
    while bit in drivers:
        bit = drivers[bit]
    return bit


@pytest.mark.parametrize("seed", range(20))
def test_no_net_carries_more_than_its_driver_drives(seed: int) -> None:
    rng = random.Random(seed)
    lanes, in_lane, in_top = (
        rng.choice((1, 4, 32)),
        rng.choice((1, 2, 40, 900)),
        rng.randint(0, 200),
    )
    modules = netlist(rng, lanes, in_lane, in_top)
    buffered(modules, LIBRARY, NANGATE, MEMORY_FF)
    lane, top = modules[LANE], modules[TOP]

    inside = loads(lane, 0.0)
    assert inside[3] <= max(5.4, 3.7)  # a buffer, or the one inverter
    outside = loads(top, inside[3])
    assert outside[5] <= REGISTER_FF
    driven = {b["connections"]["Z"][0] for m in (lane, top) for b in m["cells"].values()
              if b["type"] == "BUF_X4"}  # fmt: skip
    for found in (inside, outside):
        assert all(found[bit] <= NANGATE.buffer_ff for bit in driven & set(found))

    for name, one in lane["cells"].items():
        if one["type"] == "INV_X1":
            assert root(lane, one["connections"]["A"][0]) == 3, name
    for name, one in top["cells"].items():
        pin = {"INV_X1": "A", LANE: "x_i", "bank_32x8": "REN"}.get(one["type"])
        if pin:
            assert root(top, one["connections"][pin][0]) == 5, name
        assert all(one["connections"].get(clock, [2]) == [2] for clock in (CLOCK, "CK", "CLK"))
    assert top["cells"]["register"]["type"] == ("DFF_X2" if outside[5] > 5.4 else "DFF_X1")


def test_what_a_small_cell_drives_stays_as_it_is() -> None:
    modules = netlist(random.Random(1), 1, 1, 2)
    before = str(modules[LANE]), sorted(modules[TOP]["cells"])
    buffered(modules, LIBRARY, NANGATE, MEMORY_FF)
    assert (str(modules[LANE]), sorted(modules[TOP]["cells"])) == before
