"""The Verilog bench around a module: it drives an image of cycles and compares every one.

Driving cycle by cycle from Python reaches 5,000 cycles a second; a bench that reads one line of
stimulus and expectation per cycle reaches ten times that, and compares with `!==`, so that an X in
a checked output is a mismatch. The image is text (hexadecimal), a line a cycle, fields in the order

    brief reset enable valid check_valid expect_valid check_data | inputs | expected outputs

The same bench runs many mutants of one netlist: `select` drives a selection port and the image is
rewound for each.
"""

from __future__ import annotations

from collections.abc import Mapping

from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Unit

TOP = "npusim_bench"
REQUEST = "NPUSIM_COSIM_REQUEST"
"""Environment variable that names the request of npusim.cosim.contract_test."""
CONTROL = ("brief", "reset", "enable", "valid", "check_valid", "expect_valid", "check_data")


def generate(
    unit: Unit,
    module: str,
    parameters: Mapping[str, int],
    contract_parameters: Parameters,
    wiring: Wiring,
    *,
    select: tuple[str, int] | None = None,
    dump: bool = True,
) -> str:
    """Return the Verilog of the bench for `module`.

    Parameters
    ----------
    parameters
        What is passed to the module.
    contract_parameters
        What the contract's widths are computed with.
    select
        Name and width of a selection port that chooses a mutant.
    dump
        Include the $dumpvars that `+waves=FILE` asks for.
    """
    inputs = tuple((port.name, port.total_width(contract_parameters)) for port in unit.inputs)
    outputs = tuple((port.name, port.total_width(contract_parameters)) for port in unit.outputs)
    line_bits = len(CONTROL) + sum(w for _, w in inputs) + sum(w for _, w in outputs)
    connections = [f".{name}({role})" for role, name in wiring.control().items()]
    connections += [
        f".{wiring.name(port)}(in_{port.name})"
        for port in unit.inputs
        if port.name not in wiring.fixed
    ]
    connections += [f".{wiring.name(port)}(out_{port.name})" for port in unit.outputs]
    connections += [f".{name}({value})" for name, value in wiring.ties.items()]
    if select is not None:
        connections.append(f".{select[0]}(selection[{select[1] - 1}:0])")
    values = ", ".join(f".{name}({value})" for name, value in parameters.items())
    got = ", ".join(f"out_{name}" for name, _ in outputs)
    expected = ", ".join(f"expect_{name}" for name, _ in outputs)
    formats = " ".join("%b" for _ in outputs)
    level = "reset_active" if wiring.reset_level else "!reset_active"
    valid = "valid_out" if wiring.valid_out is not None else "expect_valid"
    declarations = [f"  reg [{width - 1}:0] in_{name};" for name, width in inputs]
    declarations += [f"  wire [{width - 1}:0] out_{name};" for name, width in outputs]
    declarations += [f"  reg [{width - 1}:0] expect_{name};" for name, width in outputs]
    unpack = ", ".join(
        ["brief", "reset_active", "enable", "valid_in", *CONTROL[4:]]
        + [f"in_{name}" for name, _ in inputs]
        + [f"expect_{name}" for name, _ in outputs]
    )
    return _TEMPLATE.format(
        top=TOP,
        declarations="\n".join(declarations),
        line_high=line_bits - 1,
        level=level,
        instance=f"{module} {f'#({values}) ' if values else ''}unit (\n    "
        + ",\n    ".join(connections)
        + "\n  );",
        unpack=unpack,
        valid=valid,
        driven=", ".join(f"in_{name}" for name, _ in inputs),
        got=got,
        expected=expected,
        formats=formats,
        dump=_DUMP.format(top=TOP) if dump else "",
    )


_DUMP = """\
    if ($value$plusargs("waves=%s", path)) begin
      $dumpfile(path);
      $dumpvars(0, {top});
    end
"""

_TEMPLATE = """\
`timescale 1ns / 1ps
module {top};
  reg start = 1'b0, done = 1'b0;
  reg clock = 1'b0;
  reg reset_active = 1'b0, enable = 1'b0, valid_in = 1'b0;
  reg brief, check_valid, expect_valid, check_data;
  wire reset = {level};
  wire valid_out;
{declarations}
  reg [{line_high}:0] line;
  reg [8*1024-1:0] path;
  integer image, report, status, fault_limit, first, last, selection;
  integer cycle = 0, checked = 0, faults = 0, stop = 0, fault = 0;

  {instance}

  initial begin
    wait (start);
{dump}\
    if (!$value$plusargs("image=%s", path)) path = "image.hex";
    image = $fopen(path, "r");
    if (!$value$plusargs("report=%s", path)) path = "faults.txt";
    report = $fopen(path, "w");
    if (!$value$plusargs("fault_limit=%d", fault_limit)) fault_limit = 1000;
    if (!$value$plusargs("first=%d", first)) first = 0;
    if (!$value$plusargs("last=%d", last)) last = 0;
    if ($test$plusargs("stop_at_fault")) stop = 1;
    for (selection = first; selection <= last; selection = selection + 1) begin
      status = $rewind(image);
      cycle = 0;
      fault = 0;
      status = $fscanf(image, "%h\\n", line);
      while (status == 1) begin
        {{{unpack}}} = line;
        #4;
        fault = 0;
        if (check_valid && {valid} !== expect_valid) fault = 1;
        if (check_data && {{{got}}} !== {{{expected}}}) fault = 1;
        if (fault != 0) begin
          if (faults < fault_limit || stop != 0)
            $fwrite(report, "%0d %0d %b {formats}\\n", selection, cycle, {valid}, {got});
          faults = faults + 1;
        end
        if (check_data) checked = checked + 1;
        #1 clock = 1'b1;
        #1 if (brief) {{valid_in, enable, {driven}}} = ~{{valid_in, enable, {driven}}};
        #4 clock = 1'b0;
        cycle = cycle + 1;
        if (stop != 0 && fault != 0) status = 0;
        else status = $fscanf(image, "%h\\n", line);
      end
    end
    $fclose(report);
    $fclose(image);
    done = 1'b1;
  end
endmodule
"""
