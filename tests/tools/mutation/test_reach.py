"""The probes of tools/mutation/reach.py print what a run reaches, and nothing else."""

from __future__ import annotations

import subprocess

import pytest

from tools.mutation.reach import reached, with_probes

MODULE = """\
module leaf(clk_i, a_i, b_i, y_o, mutant);
  input clk_i;
  input a_i;
  input b_i;
  output y_o;
  input [1:0] mutant;
  wire _0_;
  wire _1_;
  wire \\some.name ;
  wire _2_;
  assign _0_ = mutant == 2'h1;
  assign _1_ = mutant == 2'h2;
  assign \\some.name  = a_i & b_i;
  assign _2_ = _0_ ? 1'h0 : \\some.name ;
  assign y_o = _1_ ? 1'h1 : _2_;
endmodule
module other(a_i);
  input a_i;
endmodule
"""
BENCH = """\
module npu_system;
  reg clk_i = 0, a = 0, b = 0;
  wire y;
  leaf leaf (.clk_i(clk_i), .a_i(a), .b_i(b), .y_o(y), .mutant(2'd0));
  initial begin
    #1 {a, b} = 2'b11;
    #1 {a, b} = BEFORE;
    #1 clk_i = 1;
    #1 clk_i = 0;
    #1 clk_i = 1;
    #1 $display("npu done");
  end
endmodule
"""


def test_a_module_without_mutations_stays() -> None:
    other = MODULE[MODULE.index("module other") :]
    assert with_probes(MODULE).endswith(other)
    assert with_probes(other) == other


@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize(
    ("values", "expected"),
    [("2'b01", {2}), ("2'b11", {1})],
    ids=["only a glitch before the edge", "at the edge"],
)
def test_what_differs_at_an_edge_is_reached(tmp_path, values: str, expected: set[int]) -> None:
    source = tmp_path / "all.v"
    source.write_text(with_probes(MODULE) + BENCH.replace("BEFORE", values))
    subprocess.run(["iverilog", "-g2012", "-o", tmp_path / "all", source], check=True)
    done = subprocess.run(
        ["vvp", "-n", tmp_path / "all"], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert reached(lines) == expected
    assert sum(line.startswith("reached") for line in lines) == len(expected)
