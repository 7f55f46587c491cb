// A requantizer as small accelerators have it: a 24-bit sum, a 16-bit multiplier, one shift, no
// bias (it is in the sum), round half up, saturate to int8. Two stages, no reset, no enable.
module shift_requantizer #(
    parameter HIGH = 127
) (
    input wire clk,
    input wire valid_in,
    input wire signed [23:0] sum,
    input wire [15:0] mult,
    input wire [4:0] shift,
    output reg valid_out,
    output reg signed [7:0] q
);
  reg signed [40:0] product;
  reg [4:0] shift_q;
  reg valid_q;
  wire signed [41:0] half = shift_q == 0 ? 42'sd0 : 42'sd1 <<< (shift_q - 5'd1);
  wire signed [41:0] rounded = (product + half) >>> shift_q;

  always @(posedge clk) begin
    product <= sum * $signed({1'b0, mult});
    shift_q <= shift;
    valid_q <= valid_in;
    valid_out <= valid_q;
    if (rounded > 127) q <= HIGH;
    else if (rounded < -128) q <= -8'sd128;
    else q <= rounded[7:0];
  end
endmodule
