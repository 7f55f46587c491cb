// chain_add: add, then requantize: the three roundings of an elementwise addition.
//
// What requantize needs travels beside the operands for add's latency. For tests only.

`default_nettype none

module npu_chain_add #(
    parameter int ADD_CYCLES = 5  // latency of npu_add
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               en_i,

    input  wire               valid_i,
    output wire               valid_o,

    input  wire  [2:0]        mode_i,
    input  wire  [30:0]       multiplier_a_i,
    input  wire  [30:0]       multiplier_b_i,
    input  wire  [30:0]       multiplier_i,  // of the sum
    input  wire  [5:0]        shift_a_i,
    input  wire  [5:0]        shift_b_i,
    input  wire  [5:0]        shift_i,
    input  wire  signed [8:0] zero_point_i,  // of the output
    input  wire               multiply_i,
    input  wire               subtract_i,

    input  wire  signed [8:0] xe_a_i,
    input  wire  signed [8:0] xe_b_i,
    output wire  signed [8:0] y_o
);

  localparam int BESIDE_BITS = 3 + 31 + 6 + 9;

  logic [ADD_CYCLES*BESIDE_BITS-1:0] line_q;
  wire  [BESIDE_BITS-1:0] beside = {mode_i, multiplier_i, shift_i, zero_point_i};
  wire  [2:0]  mode;
  wire  [30:0] multiplier;
  wire  [5:0]  shift;
  wire  [8:0]  zero_point;
  wire         valid;
  wire  signed [29:0] acc;

  always_ff @(posedge clk_i) begin
    if (en_i) line_q <= {line_q, beside};  // the eldest entry falls off
  end
  assign {mode, multiplier, shift, zero_point} =
      line_q[(ADD_CYCLES-1)*BESIDE_BITS+:BESIDE_BITS];

  npu_add add (
      .clk_i, .rst_i, .en_i, .valid_i, .valid_o(valid),
      .mode_i, .multiplier_a_i, .multiplier_b_i, .shift_a_i, .shift_b_i, .multiply_i, .subtract_i,
      .xe_a_i, .xe_b_i, .acc_o(acc)
  );

  npu_requantize #(.MAX_TERMS(1)) requantize (
      .clk_i, .rst_i, .en_i, .valid_i(valid), .valid_o, .first_i(1'b1),
      .mode_i(mode), .shift_i(shift), .channel_shift_i(4'd0),
      .zero_point_i(zero_point), .low_i(-9'sd128), .high_i(9'sd127),
      .acc_i(32'(acc)), .multiplier_i(multiplier), .bias_i(63'd0), .y_o
  );

endmodule

`default_nettype wire
