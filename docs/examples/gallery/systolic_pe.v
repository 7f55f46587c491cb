// A cell of a weight-stationary systolic array: `load` takes the weight, which then stays; each
// cycle adds weight * x to the partial sum from above.
module systolic_pe (
    input wire clk,
    input wire load,
    input wire signed [7:0] weight,
    input wire signed [7:0] x,
    input wire signed [23:0] psum_in,
    output reg signed [23:0] psum_out
);
  reg signed [7:0] held;

  always @(posedge clk) begin
    if (load) held <= weight;
    psum_out <= psum_in + held * x;
  end
endmodule

// What a contract can judge of it: a weight for each product. Load stands, so that the weight's
// register is one more stage, and the other operands are made to wait for it.
module systolic_pe_loading (
    input wire clk,
    input wire signed [7:0] weight,
    input wire signed [7:0] x,
    input wire signed [23:0] psum_in,
    output wire signed [23:0] psum_out
);
  reg signed [7:0] x_q;
  reg signed [23:0] psum_q;

  always @(posedge clk) begin
    x_q <= x;
    psum_q <= psum_in;
  end
  systolic_pe pe (clk, 1'b1, weight, x_q, psum_q, psum_out);
endmodule
