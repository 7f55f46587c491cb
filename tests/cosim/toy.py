"""A small unit of our own for testing the bench: its contract, its RTL, and ways to break the RTL.

y = clamp((a * b + [mode = 1] * 8) >> 4, -128, 127), latency 2.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from npusim.datapath.contract import Port, Unit

FLOOR, HALF_UP = 0, 1


def scale(a: int, b: int, mode: int) -> int:
    """Return the product over 16, rounded by `mode`, saturated to 8 bits."""
    return min(max((a * b + (8 if mode == HALF_UP else 0)) >> 4, -128), 127)


def bins(parameters):
    """Return the points to reach; a narrow `a` cannot saturate."""
    points = {"tie": lambda i, o: i["a"] * i["b"] % 16 == 8}
    if parameters["WIDTH"] == 9:
        points["saturates high"] = lambda i, o: i["a"] * i["b"] > 128 * 16
        points["saturates low"] = lambda i, o: i["a"] * i["b"] < -129 * 16
    return points


UNIT = Unit(
    name="toy",
    ports=(
        Port("a", "in", lambda p: p["WIDTH"], signed=True),
        Port("b", "in", 5, legal=(0, 16)),
        Port("mode", "in", 1),
        Port("y", "out", 8, signed=True),
    ),
    latency_cycles=2,
    scalar=scale,
    parameters={"WIDTH": 9},
    variants=({"WIDTH": 6},),
    bins=bins,
    exact=lambda a, b: Fraction(a * b, 16),
)


RTL = """\
`default_nettype none
module npu_toy #(parameter int WIDTH = 9) (
    input  wire                    clk_i,
    input  wire                    rst_i,
    input  wire                    en_i,
    input  wire                    valid_i,
    output logic                   valid_o,
    input  wire signed [WIDTH-1:0] a_i,
    input  wire        [4:0]       b_i,
    input  wire                    mode_i,
    output logic signed [7:0]      y_o
);
  generate
    if (WIDTH > 16) begin : gen_bad npu_toy_WIDTH_must_be_at_most_16 bad_parameter (); end
  endgenerate
  logic valid_q;
  logic signed [WIDTH+5:0] sum_q;
  wire signed [WIDTH+5:0] product = a_i * $signed({1'b0, b_i});
  wire signed [WIDTH+1:0] scaled = sum_q[WIDTH+5:4];
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_q <= valid_i;
      valid_o <= valid_q;
    end
    if (en_i) begin
      sum_q <= product + (mode_i ? 8 : 0);
      y_o <= scaled > 127 ? 8'sd127 : scaled < -128 ? -8'sd128 : scaled[7:0];
    end
  end
endmodule
`default_nettype wire
"""


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the RTL, changed, to `folder`; every change must apply."""
    text = RTL
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "npu_toy.v"
    path.write_text(text)
    return path
