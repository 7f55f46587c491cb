"""Energy at gate level: a cell by hand, gates against the golden model, a row made again."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from npusim.cost.sram import TABLES
from npusim.datapath.pe_column import UNIT
from tools.flow import make_energy
from tools.flow.liberty import expression, holds, read_library
from tools.flow.netlist import INPUT_SLEW_PS, Netlist, Port, read_netlist, timing
from tools.flow.replay import Window, replay
from tools.flow.synthesis import map_to_cells, rtl_files
from tools.flow.traffic import Build
from tools.flow.units import UNITS

ROOT = Path(__file__).resolve().parents[2]
NANGATE = "liberty/nangate45/nangate45_typ.lib.gz"


def test_functions_of_liberty_in_one_syntax() -> None:
    assert expression("!(A1 & A2)") == "~(A1 & A2)"
    assert expression("(SCE*SCD)+(SCE'*D)") == "(SCE&SCD)|(~SCE&D)"
    assert expression("A B'") == "A & ~B"
    assert holds(expression("A * !B"), ("A", "B")).tolist() == [False, True, False, False]
    assert holds("", ("A",)).tolist() == [True, True]


@pytest.mark.shared
@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_an_inverter_and_a_register_by_hand(shared: Path) -> None:
    library = read_library(shared / NANGATE)
    # in (3) -> INV -> 4 -> DFF -> 5 = out; clock 2
    netlist = Netlist(library, 2, [Port("in", (3,), "in")], [Port("out", (5,), "out")])
    netlist.types, netlist.groups = ["INV_X1", "DFF_X1"], ["", ""]
    netlist.connections = [{"A": 3, "ZN": 4}, {"D": 4, "CK": 2, "Q": 5, "QN": 6}]
    netlist.nets, netlist.names = 7, {5: ("q", 0)}
    bits = list("0011101")
    out = ["0", *("1" if bit == "0" else "0" for bit in bits[:-1])]
    result = replay(netlist, [Window({"in": bits, "out": out}, {"q": "0"})])
    assert result.wrong_cycles == 0

    inverter, register = library.cells["INV_X1"], library.cells["DFF_X1"]
    times = timing(netlist)

    def price(cell, pin: str, related: str, when: str, rising: bool, net: int, start: int) -> float:
        (power,) = (p for p in cell.powers if (p.pin, p.related, p.when) == (pin, related, when))
        table = power.rise if rising else power.fall
        at = np.array([times.slew_ps[start]]), np.array([times.load_ff[net]])
        return float(table.at(*at)[0])

    def load(cell, pin: str) -> float:
        return 0.5 * cell.capacitances_ff[pin] * library.voltage_v**2

    # Cycle 4: in stays 1, D stays 0, Q was 0 and stays. Only the clock moves.
    clock = 2 * load(register, "CK")
    clock += price(register, "CK", "", "~D & ~Q & QN", True, 2, 2)
    clock += price(register, "CK", "", "~D & ~Q & QN", False, 2, 2)
    assert result.windows_fj[0][3].sum() == pytest.approx(clock, rel=1e-9)
    # Cycle 5: in falls while the clock is high, and so D rises. The first cycle has no energy.
    change = load(inverter, "A") + load(register, "D")
    change += price(inverter, "ZN", "A", "", True, 4, 3)
    change += price(register, "D", "", "CK & ~Q & QN", True, 4, 4)
    change += price(register, "CK", "", "~D & ~Q & QN", True, 2, 2)
    change += price(register, "CK", "", "D & ~Q & QN", False, 2, 2) + 2 * load(register, "CK")
    assert result.windows_fj[0][4].sum() == pytest.approx(change, rel=1e-9)
    assert times.slew_ps[3] == INPUT_SLEW_PS


@pytest.mark.shared
@pytest.mark.rtl
@pytest.mark.usefixtures("icarus")
def test_a_clock_gate_by_hand(shared: Path) -> None:
    library = read_library(shared / NANGATE)
    # en (3) -> CLKGATE -> 4, the clock of DFF; in (5) -> DFF -> 6 = out; clock 2
    netlist = Netlist(library, 2, [Port("en", (3,), "en"), Port("in", (5,), "in")],
                      [Port("out", (6,), "out")])  # fmt: skip
    netlist.types, netlist.groups = ["CLKGATE_X1", "DFF_X1"], ["", ""]
    netlist.connections = [{"CK": 2, "E": 3, "GCK": 4}, {"D": 5, "CK": 4, "Q": 6, "QN": 7}]
    netlist.nets, netlist.names = 8, {6: ("q", 0)}
    assert netlist.clocks() == {2, 4}
    enable, bits = list("0010010"), list("0110111")
    values = {"en": enable, "in": bits, "out": ["0", *_held(bits, enable)]}
    result = replay(netlist, [Window(values, {"q": "0"})])
    assert result.wrong_cycles == 0

    gate, register = library.cells["CLKGATE_X1"], library.cells["DFF_X1"]
    times, volts = timing(netlist), library.voltage_v

    def edges(cell, pin: str, when: str, net: int, related: str = "") -> tuple[float, float]:
        (power,) = (p for p in cell.powers if (p.pin, p.related, p.when) == (pin, related, when))
        at = np.array([INPUT_SLEW_PS]), np.array([times.load_ff[net]])
        return float(power.rise.at(*at)[0]), float(power.fall.at(*at)[0])

    # Cycle 4: off, and nothing changes but the clock of the gate.
    asleep = sum(edges(gate, "CK", "~E & ~GCK", 2)) + gate.capacitances_ff["CK"] * volts**2
    assert result.clocks_fj[0][3].sum() == pytest.approx(asleep, rel=1e-9)
    # Cycle 3: the clock of the register passes, as E was 1; then E falls while it is high.
    rise, _ = edges(gate, "GCK", "E", 4, "CK")
    _, fall = edges(gate, "GCK", "~E", 4, "CK")
    awake = rise + fall + gate.capacitances_ff["CK"] * volts**2
    awake += register.capacitances_ff["CK"] * volts**2
    awake += edges(gate, "CK", "E & ~GCK", 2)[0]
    states = [when for when in ("D & ~Q & QN", "~D & Q & ~QN", "D & Q & ~QN", "~D & ~Q & QN")]
    found = result.clocks_fj[0][2].sum() - awake
    prices = [edges(register, "CK", when, 4) for when in states]
    sums = [a[0] + b[1] for a in prices for b in prices]
    assert min(abs(found - value) for value in sums) < 1e-9


def _held(bits: list[str], enable: list[str]) -> list[str]:
    """Return what a register behind an enable holds after each cycle but the last."""
    held, value = [], "0"
    for bit, is_on in zip(bits[:-1], enable[:-1], strict=True):
        value = bit if is_on == "1" else value
        held.append(value)
    return held


@pytest.mark.shared
@pytest.mark.yosys
@pytest.mark.rtl
@pytest.mark.usefixtures("icarus", "yosys_installed")
@pytest.mark.parametrize("gated", [False, True])
def test_gates_of_a_column_do_what_the_golden_model_does(
    gated: bool, shared: Path, tmp_path: Path
) -> None:
    parameters = {"ROWS": 4, "UNIFORM_BITS": 4, "SUBSET": 1, "PWLQ_BITS": 3}
    library = shared / NANGATE
    cells = read_library(library)
    gate = cells.smallest_clock_gate if gated else None
    files = rtl_files("npu_pe_column")
    map_to_cells("npu_pe_column", files, parameters, library, tmp_path, gate=gate)
    netlist = read_netlist(tmp_path / "netlist.json", cells)
    assert len(netlist.clocks()) == 1 + gated
    assert UNIT.vectors is not None
    named = {name.lower(): value for name, value in parameters.items()}
    vectors = list(UNIT.vectors(random.Random(1), 200, **named))
    latency, widths = UNIT.latency(parameters), {p.name: len(p.nets) for p in netlist.outputs}
    values: dict[str, list[str]] = {
        "rst_i": ["0"] * len(vectors), "en_i": ["1"] * len(vectors),
        "valid_i": ["1"] * len(vectors), "valid_o": ["x"] * len(vectors),
    }  # fmt: skip
    for port in UNIT.inputs:
        width = port.total_width(parameters)
        values[port.rtl_name] = [
            f"{port.pack(vector[port.name], parameters):0{width}b}" for vector in vectors
        ]
    sums = [UNIT.scalar(**v, uniform_bits=4, pwlq_bits=3) for v in vectors]
    for index, port in enumerate(UNIT.outputs):
        width = widths[port.rtl_name]
        known = [f"{port.pack(row[index], parameters):0{width}b}" for row in sums]
        values[port.rtl_name] = ["x" * width] * latency + known[:-latency]
    state = {name: "0" * 64 for name, *_ in netlist.registers().values()}
    result = replay(netlist, [Window(values, state)])
    assert result.wrong_cycles == 0
    values["centre_o"][100] = values["centre_o"][100].translate(str.maketrans("01", "10"))
    assert replay(netlist, [Window(values, state)]).wrong_cycles == 1


@pytest.mark.shared
@pytest.mark.yosys
@pytest.mark.rtl
@pytest.mark.usefixtures("icarus", "yosys_installed")
def test_a_row_of_the_table_made_again(shared: Path, tmp_path: Path) -> None:
    document = json.loads((TABLES / "nangate45.json").read_text())
    (unit,) = (u for u in UNITS if u.module == "npu_lookup")
    build, library = Build(4, 8, 1, 4), shared / NANGATE
    cells = read_library(library)
    seed = document["provenance"]["seed"]
    netlist = make_energy.netlist_of(unit, build, library, cells, tmp_path, True)
    traffic = make_energy.traffic_of(build, {unit: netlist}, seed, tmp_path)
    (expected,) = (
        r for r in document["modules"] if r["module"] == unit.module and r["clock_gated"]
    )  # fmt: skip
    found = make_energy.row(unit, build, netlist, traffic)
    for key in ("energy_pj", "clock_pj"):
        assert found.pop(key) == pytest.approx(expected[key], rel=1e-6)
    assert found == {key: expected[key] for key in found}
