"""Icarus and Verilator say the same of a module; Verilator reads what Icarus cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from npusim.cosim import CosimulationError, Design
from npusim.cosim.elaborate import elaborate
from npusim.cosim.interface import ModulePort
from npusim.cosim.units import load_unit, rtl_directory, sources, unit_names

pytestmark = [pytest.mark.rtl, pytest.mark.usefixtures("verilator")]

PACKAGE = """\
package p;
  typedef logic signed [30:1] acc_t;
  typedef enum logic [1:0] {A, B} mode_e;
  typedef struct packed { acc_t acc; logic [5:0] shift; } scale_t;
  typedef union packed { logic [7:0] a; logic [7:0] b; } word_t;
  parameter int LANES = 3;
endpackage
interface bus_if; logic x; endinterface
"""


def design(folder: Path, ports: str, **parameters: int) -> Design:
    path = folder / "m.sv"
    path.write_text(f"{PACKAGE}\nmodule m import p::*; {ports};\nendmodule\n")
    return Design("m", (path,), parameters)


@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize("name", unit_names())
def test_both_say_the_same(name: str) -> None:
    unit = load_unit(name)
    for variant in ({}, *unit.variants):
        parameters = {**unit.parameters, **variant}
        wanted = Design(unit.module, sources(unit.module, rtl_directory()), parameters)
        icarus, verilator = (elaborate(wanted, tool) for tool in ("icarus", "verilator"))
        assert set(icarus.ports) == set(verilator.ports)
        assert icarus.parameters == verilator.parameters


def test_types_of_packages_are_as_wide_as_their_bits(tmp_path: Path) -> None:
    ports = (
        "#(parameter int W = 4, parameter int signed N = -3, localparam int L = 2) "
        "(input acc_t a, input scale_t [LANES-1:0] s, input mode_e m, input word_t w, "
        "input logic [1:0][W-1:0] x, output bit o)"
    )
    found = elaborate(design(tmp_path, ports, W=9), "verilator")
    widths = {port.name: port.width_bits for port in found.ports}
    assert widths == {"a": 30, "s": 3 * 36, "m": 2, "w": 8, "x": 18, "o": 1}
    assert found.port("o") == ModulePort("o", "out", 1)
    assert found.parameters == {"W": 9, "N": -3}


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ("(input logic x [4])", "port x: expected bits, found an unpacked array"),
        ("(bus_if b)", "Interfaced port on top level module"),
        ("(input nothing_t x)", "nothing_t"),
        ("(input logic x", "syntax error"),
    ],
)
def test_what_has_no_width_is_one_line(tmp_path: Path, ports: str, message: str) -> None:
    with pytest.raises(CosimulationError, match=message) as found:
        elaborate(design(tmp_path, ports), "verilator")
    assert "\n" not in str(found.value)
