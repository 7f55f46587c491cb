"""Memories as macros of stated delays: what the timing flow puts in place of npu_bank.

A bank answers as late as the slowest SRAM macro of SG13G2 with the fewest words that hold its own
(wider words are macros side by side), by the load on its output at a clock's edge of
CLOCK_SLEW_NS, and wants its inputs as early as those do at the slowest edges. Nangate45 has no
macros: times as those of SG13G2, times 45 / 130. Our banks read and write in one cycle, the macros
have one port: ACC is two of them (docs/energy.md), and the multiplexers before them are not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.flow.liberty_syntax import Group, read_liberty
from tools.flow.technologies import TECHNOLOGIES, Technology

_MACROS_NM = next(t.feature_nm for t in TECHNOLOGIES if t.name == "ihp_sg13g2")
_PORTS = {"REN": "A_REN", "WEN": "A_WEN", "RA": "A_ADDR", "WA": "A_ADDR", "D": "A_DIN"}
"""Inputs of our macro, and the pin of the real one that is checked like it."""
CLOCK_SLEW_NS = 0.15
"""Of SG13G2's macros; scaled with the rest."""
MEMORY_PIN_FF = 5.0
"""Of an input, as SG13G2's macros have it."""


@dataclass(frozen=True)
class Times:
    """Of a macro, ns: clock to output by load (fF), the output's slew, setup of each input."""

    words: int
    loads_ff: tuple[float, ...]
    delays: tuple[float, ...]
    slew: float
    setup: Mapping[str, float]

    def access(self, load_ff: float) -> float:
        """Return clock to output, ns, where the output drives `load_ff`."""
        return float(np.interp(load_ff, self.loads_ff, self.delays))


def _worst(cell: Group, name: str, kind: str, tables: tuple[str, ...]) -> float:
    bus = next(g for g in cell.groups if g.kind in ("pin", "bus") and g.name == name)
    values = [
        max(float(v) for row in table.attributes["values"] for v in row.split(","))
        for holder in (bus, *bus.all("pin"))
        for timing in holder.all("timing")
        if timing.attributes["timing_type"][0].startswith(kind)
        for table in timing.groups
        if table.kind in tables
    ]
    return max(values)


def _by_load(cell: Group, tables: tuple[str, ...]) -> tuple[list[float], list[float]]:
    """Return the loads (fF) of the output's tables, and the greater of its edges at each."""
    bus = next(g for g in cell.groups if g.kind in ("pin", "bus") and g.name == "A_DOUT")
    found: list[list[float]] = []
    loads: list[float] = []
    for holder in (bus, *bus.all("pin")):
        for timing in holder.all("timing"):
            if not timing.attributes["timing_type"][0].startswith("rising_edge"):
                continue
            for table in timing.groups:
                if table.kind in tables:
                    slews, places = (_numbers(table, f"index_{axis}") for axis in (1, 2))
                    rows = np.array([[float(v) for v in r.split(",")]
                                     for r in table.attributes["values"]])  # fmt: skip
                    loads = [1e3 * place for place in places]
                    found.append([float(np.interp(CLOCK_SLEW_NS, slews, c)) for c in rows.T])
    return loads, [max(column) for column in zip(*found, strict=True)]


def _numbers(table: Group, name: str) -> list[float]:
    return [float(value) for value in table.attributes[name][0].split(",")]


def macros(libraries: Path) -> list[Times]:
    """Return the times of the real macros, few words first."""
    found = []
    for path in (libraries / "ihp_sg13g2").glob("RM_*.lib"):
        (cell,) = read_liberty(path).all("cell")
        edges = ("rise_constraint", "fall_constraint")
        loads, delays = _by_load(cell, ("cell_rise", "cell_fall"))
        found.append(Times(
            int(re.findall(r"_(\d+)x\d+_", cell.name)[0]),
            tuple(loads), tuple(delays),
            _worst(cell, "A_DOUT", "rising_edge", ("rise_transition", "fall_transition")),
            {ours: _worst(cell, pin, "setup", edges) for ours, pin in _PORTS.items()},
        ))  # fmt: skip
    return sorted(found, key=lambda times: times.words)


def times_of(words: int, technology: Technology, real: list[Times]) -> Times:
    """Return the times of a bank of `words` in `technology`."""
    least = min(times.words for times in real if times.words >= words)
    chosen = [times for times in real if times.words == least]
    slowest = max(chosen, key=lambda times: times.delays[-1])
    scale = technology.feature_nm / _MACROS_NM
    return Times(
        words,
        slowest.loads_ff,
        tuple(scale * delay for delay in slowest.delays),
        scale * max(times.slew for times in chosen),
        {port: scale * max(times.setup[port] for times in chosen) for port in _PORTS},
    )


Shape = tuple[int, int]
"""(words, bits) of a bank."""


def verilog(shapes: set[Shape]) -> str:
    """Return npu_bank as the macro of its size, and the macros as black boxes."""
    branches = "else ".join(
        f"if (WORDS == {words} && WIDTH == {bits}) begin : gen_{words}x{bits}\n"
        f"  bank_{words}x{bits} macro (.CLK(clk_i), .REN(read_i), .RA(read_address_i),\n"
        "    .Q(data_o), .WEN(write_i), .WA(write_address_i), .D(data_i));\nend "
        for words, bits in sorted(shapes)
    )
    boxes = "".join(
        f"(* blackbox *) module bank_{words}x{bits} (input CLK, REN, WEN, "
        f"input [{(words - 1).bit_length() - 1}:0] RA, WA, input [{bits - 1}:0] D, "
        f"output [{bits - 1}:0] Q);\nendmodule\n"
        for words, bits in sorted(shapes)
    )
    words, bits = min(shapes)
    return f"""\
module npu_bank #(parameter int WIDTH = {bits}, parameter int WORDS = {words},
                  localparam int ADDRESS_BITS = $clog2(WORDS)) (
  input wire clk_i, read_i, write_i, input wire [ADDRESS_BITS-1:0] read_address_i, write_address_i,
  output wire [WIDTH-1:0] data_o, input wire [WIDTH-1:0] data_i);
generate
{branches}else begin : gen_unknown
  bank_of_unknown_size bad_parameter ();
end
endgenerate
endmodule
{boxes}"""


def _table(loads_ff: tuple[float, ...], values: tuple[float, ...], technology: Technology) -> str:
    loads = ", ".join(f"{load / technology.farads:.6g}" for load in loads_ff)
    return f'index_1("{loads}"); values("{", ".join(f"{value:.4f}" for value in values)}");'


def liberty(shapes: set[Shape], technology: Technology, real: list[Times]) -> str:
    """Return a library of the macros in the units of `technology`."""
    pin = (MEMORY_PIN_FF + technology.wire_ff) / technology.farads
    cells = []
    widths = set()
    for words, bits in sorted(shapes):
        times, address = times_of(words, technology, real), (words - 1).bit_length()
        widths |= {address, bits}

        def setup(name: str, width: int, times: Times = times, pin: float = pin) -> str:
            kind = f'bus({name}) {{ bus_type : "b{width}";' if width else f"pin({name}) {{"
            tables = "".join(
                f'{edge}_constraint(scalar) {{ values("{times.setup[name]:.4f}"); }} '
                for edge in ("rise", "fall")
            )
            return (
                f"{kind} direction : input; capacitance : {pin:.6g}; timing() "
                f'{{ related_pin : "CLK"; timing_type : setup_rising; {tables} }} }}'
            )

        delays = "".join(
            f"cell_{edge}(by_load) {{ {_table(times.loads_ff, times.delays, technology)} }} "
            f'{edge}_transition(scalar) {{ values("{times.slew:.4f}"); }} '
            for edge in ("rise", "fall")
        )
        cells.append("\n".join([
            f"cell(bank_{words}x{bits}) {{ is_macro_cell : true;",
            f"pin(CLK) {{ direction : input; clock : true; capacitance : {pin:.6g}; }}",
            setup("REN", 0), setup("WEN", 0), setup("RA", address), setup("WA", address),
            setup("D", bits),
            f'bus(Q) {{ bus_type : "b{bits}"; direction : output; timing() '
            f'{{ related_pin : "CLK"; timing_type : rising_edge; {delays} }} }}', "}",
        ]))  # fmt: skip
    types = "\n".join(
        f'type("b{width}") {{ base_type : array; data_type : bit; bit_width : {width}; '
        f"bit_from : {width - 1}; bit_to : 0; downto : true; }}"
        for width in sorted(widths)
    )
    unit = "ff" if technology.farads == 1 else "pf"
    return (
        'library(banks) {\ntime_unit : "1ns"; voltage_unit : "1V"; current_unit : "1mA";\n'
        f"capacitive_load_unit(1,{unit}); nom_voltage : 1.1; delay_model : table_lookup;\n"
        + "".join(
            f"input_threshold_pct_{edge} : 50; output_threshold_pct_{edge} : 50; "
            f"slew_lower_threshold_pct_{edge} : 20; slew_upper_threshold_pct_{edge} : 80;\n"
            for edge in ("rise", "fall")
        )
        + "lu_table_template(by_load) { variable_1 : total_output_net_capacitance; "
        'index_1("1, 2"); }\n'
        + types + "\n" + "\n".join(cells) + "\n}\n"
    )  # fmt: skip
