// A requantizer as somebody else would write it: other names, asynchronous active-low reset, no
// clock enable, int8 only, one term, one rounding mode (half up), the clamp hard-wired.
// It is deliberately wrong: a negative tie rounds away from zero, not up.
`default_nettype none

module my_requantizer (
    input  wire               clk,
    input  wire               rst_n,
    input  wire               in_valid,
    input  wire signed [31:0] psum,
    input  wire        [30:0] mult,
    input  wire signed [62:0] offset,
    input  wire        [5:0]  sh,
    input  wire signed [7:0]  zp,
    output reg                out_valid,
    output reg  signed [7:0]  q
);
  reg valid_1, valid_2;
  reg signed [62:0] total;
  reg signed [63:0] rounded;
  reg [5:0] sh_1;
  reg signed [7:0] zp_1, zp_2;

  wire signed [31:0] mult_signed = {1'b0, mult};
  wire signed [62:0] product = psum * mult_signed;
  wire signed [63:0] half = (sh_1 == 0) ? 64'sd0 : 64'sd1 << (sh_1 - 6'd1);
  wire signed [63:0] biased = (total[62] && sh_1 != 0) ? total + half - 64'sd1 : total + half;
  wire signed [63:0] moved = rounded + zp_2;

  always @(posedge clk or negedge rst_n)
    if (!rst_n) {out_valid, valid_2, valid_1} <= 3'b000;
    else {out_valid, valid_2, valid_1} <= {valid_2, valid_1, in_valid};

  always @(posedge clk) begin
    total   <= product + offset;
    sh_1    <= sh;
    zp_1    <= zp;
    rounded <= biased >>> sh_1;
    zp_2    <= zp_1;
    q       <= (moved > 127) ? 8'sd127 : (moved < -128) ? -8'sd128 : moved[7:0];
  end
endmodule

`default_nettype wire
