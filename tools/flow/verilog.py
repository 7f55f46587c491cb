"""The netlist and its cells as Verilog: each cell's function with the delays of its instance.

A cell is generated from its Liberty function; a register does what its `ff` group says, a clock
gate what its kind says. Delays are inertial: a pulse shorter than the cell's delay dies, a longer
one is a glitch. A clock behind a gate is as late as the gate's 1 ps: registers on both sides see
the edge before anything that it moves.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.flow.liberty import Cell
from tools.flow.netlist import HIGH, LOW, Netlist, Port, Timing

INPUT_DELAY_PS = 50
"""From the clock's edge to new inputs: they come from registers elsewhere."""


def cell_models(cells: list[Cell]) -> str:
    """Return one module for each cell; parameters RISE_<output> and FALL_<output> in ps."""
    return "\n".join(map(_model, cells))


def _model(cell: Cell) -> str:
    parameters = ", ".join(f"{edge}_{pin} = 1" for pin in cell.outputs for edge in ("RISE", "FALL"))
    ports = [f"input {pin}" for pin in cell.inputs] + [f"output {pin}" for pin in cell.outputs]
    lines = [f"module {cell.name} #(parameter {parameters}) ({', '.join(ports)});"]
    ff = cell.flip_flop
    if ff is not None:
        lines.append(f"  reg {ff.state} = 1'b0;")
        lines.append(f"  wire {ff.inverse} = ~{ff.state};")
        resets = [(ff.clear, "1'b0"), (ff.preset, "1'b1")]
        resets = [(condition, value) for condition, value in resets if condition]
        events = [f"posedge clock_{i}" for i in range(len(resets) + 1)]
        lines.append(f"  wire clock_0 = {ff.clocked_on};")
        for i, (condition, _) in enumerate(resets, 1):
            lines.append(f"  wire clock_{i} = {condition};")
        body = f"{ff.state} <= {ff.next_state};"
        for i, (_, value) in reversed(list(enumerate(resets, 1))):
            body = f"if (clock_{i}) {ff.state} <= {value}; else {body}"
        lines.append(f"  always @({' or '.join(events)}) {body}")
    gate = cell.clock_gate
    if gate is not None:
        lines.append("  reg is_on = 1'b0;")
        lines.append(f"  always @* if (!{gate.clock}) is_on = {gate.enable};")
        lines.append(f"  assign #1 {gate.output} = {gate.clock} & is_on;")
    for pin in cell.functions:
        lines.append(f"  assign #(RISE_{pin}, FALL_{pin}) {pin} = {cell.functions[pin]};")
    return "\n".join([*lines, "endmodule", ""])


def width(ports: list[Port]) -> int:
    """Return the bits of all ports together."""
    return sum(len(port.nets) for port in ports)


def netlist_module(netlist: Netlist, timing: Timing) -> str:
    """Return module `gates`: all inputs in one vector, all outputs in another, nets n<number>."""
    lines = [
        f"module gates (input clk, input [{width(netlist.inputs) - 1}:0] in,",
        f"               output [{width(netlist.outputs) - 1}:0] out);",
        f"  wire n{LOW} = 1'b0, n{HIGH} = 1'b1;",
    ]
    if netlist.clock != LOW:
        lines.append(f"  wire n{netlist.clock} = clk;")
    declared = {LOW, HIGH, netlist.clock}
    place = 0
    for port in netlist.inputs:
        for net in port.nets:
            lines.append(f"  wire n{net} = in[{place}];")
            declared.add(net)
            place += 1
    used = {net for nets in netlist.connections for net in nets.values()}
    used |= {net for port in netlist.outputs for net in port.nets}
    lines += [f"  wire n{net};" for net in sorted(used - declared)]
    for i, (name, nets) in enumerate(zip(netlist.types, netlist.connections, strict=True)):
        delays = ", ".join(
            f".RISE_{pin}({rise}), .FALL_{pin}({fall})"
            for pin, (rise, fall) in timing.delays_ps[i].items()
        )
        pins = ", ".join(f".{pin}(n{net})" for pin, net in nets.items())
        lines.append(f"  {name} #({delays}) u{i} ({pins});")
    bits = [net for port in netlist.outputs for net in port.nets]
    lines += [f"  assign out[{place}] = n{net};" for place, net in enumerate(bits)]
    return "\n".join([*lines, "endmodule", ""])


def bench(
    netlist: Netlist, registers: Sequence[int], counts: tuple[int, int], period_ps: int
) -> str:
    """Return module `bench`: drives `counts` = (cycles, windows), dumps edges, compares outputs.

    Cycle k lasts from k * period to (k + 1) * period and begins with a rising edge; the first of a
    window (begins.hex) has no edges of the clock, instead its registers are set. Outputs are
    compared at each cycle's end with out.hex where known.hex is 1; the last line printed counts the
    cycles that differ.
    """
    ins, outs, states = width(netlist.inputs), width(netlist.outputs), max(1, len(registers))
    cells, types = netlist.library.cells, netlist.types
    ffs = [(i, cells[types[i]].flip_flop) for i in registers]
    sets = [f"      dut.u{i}.{ff.state} = set[{bit}];" for bit, (i, ff) in enumerate(ffs) if ff]
    return "\n".join(
        [
            f"""\
`timescale 1ps/1ps
module bench;
  reg clk = 1'b0;
  reg [{ins - 1}:0] in = 0, inputs [0:{counts[0] - 1}];
  reg [{outs - 1}:0] expected [0:{counts[0] - 1}], known [0:{counts[0] - 1}];
  reg begins [0:{counts[0] - 1}];
  reg [{states - 1}:0] set, sets [0:{counts[1] - 1}];
  wire [{outs - 1}:0] out;
  integer k, window = 0, wrong = 0;
  gates dut (.clk(clk), .in(in), .out(out));
  task set_registers;
    begin
      set = sets[window];
      window = window + 1;""",
            *sets,
            f"""\
    end
  endtask
  initial begin
    $readmemh("in.hex", inputs);
    $readmemh("out.hex", expected);
    $readmemh("known.hex", known);
    $readmemh("begins.hex", begins);
    $readmemh("state.hex", sets);
    $dumpfile("edges.vcd");
    $dumpvars(1, bench.dut);
    for (k = 0; k < {counts[0]}; k = k + 1) begin
      if (begins[k]) set_registers;
      else clk = 1'b1;
      #{INPUT_DELAY_PS} in = inputs[k];
      #{period_ps // 2 - INPUT_DELAY_PS} clk = 1'b0;
      #{period_ps - period_ps // 2 - 1};
      if (((out ^ expected[k]) & known[k]) !== 0) begin
        if (wrong < 5) $display("cycle %0d: %h instead of %h", k, out, expected[k]);
        wrong = wrong + 1;
      end
      #1;
    end
    $display("wrong %0d", wrong);
    $finish;
  end
endmodule
""",
        ]
    )
