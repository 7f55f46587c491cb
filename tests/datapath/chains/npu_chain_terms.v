// chain_terms: the two terms of a result one behind the other, with a gap, on one multiplier.
//
// A requantizer is busy with a result for four cycles (term, gap, term, gap), so four of them take
// one each cycle: that of number `turn` begins. For tests only.

`default_nettype none

module npu_chain_terms #(
    parameter  int MAX_TERMS = 2,
    parameter  int CYCLES    = 10,  // from a result's turn to its output
    localparam int TURNS     = 4,
    localparam int INPUT_BITS = 2 * 32 + 2 * 31 + 63 + 3 + 6 + 4 + 3 * 9
) (
    input  wire               clk_i,
    input  wire               rst_i,
    input  wire               en_i,

    input  wire               valid_i,
    output wire               valid_o,

    input  wire  [63:0]        acc_i,
    input  wire  [61:0]        multiplier_i,
    input  wire  signed [62:0] bias_i,
    input  wire  [2:0]         mode_i,
    input  wire  [5:0]         shift_i,
    input  wire  [3:0]         channel_shift_i,
    input  wire  signed [8:0]  zero_point_i,
    input  wire  signed [8:0]  low_i,
    input  wire  signed [8:0]  high_i,
    output wire  signed [8:0]  y_o
);

  wire [INPUT_BITS-1:0] now = {acc_i, multiplier_i, bias_i, mode_i, shift_i, channel_shift_i,
                               zero_point_i, low_i, high_i};
  logic [INPUT_BITS-1:0] next_q, later_q;  // later_q: two cycles old
  logic next_valid_q, later_valid_q;
  logic [1:0] turn_q = '0;
  wire [TURNS-1:0] valid;
  wire [TURNS*9-1:0] y;

  always_ff @(posedge clk_i) begin
    if (rst_i) {next_valid_q, later_valid_q} <= '0;
    else if (en_i) {next_valid_q, later_valid_q} <= {valid_i, next_valid_q};
    if (en_i) begin
      turn_q <= turn_q + 1'b1;
      {next_q, later_q} <= {now, next_q};
    end
  end

  genvar n;
  generate
    for (n = 0; n < TURNS; n = n + 1) begin : turn
      wire first  = turn_q == 2'(n);
      wire second = turn_q == 2'(n + 2);
      wire [63:0] acc;
      wire [61:0] multiplier;
      wire [62:0] bias;
      wire [2:0]  mode;
      wire [5:0]  shift;
      wire [3:0]  channel_shift;
      wire [8:0]  zero_point, low, high;

      assign {acc, multiplier, bias, mode, shift, channel_shift, zero_point, low, high} =
          first ? now : later_q;

      npu_requantize requantize (
          .clk_i, .rst_i, .en_i, .valid_i(first ? valid_i : second && later_valid_q),
          .valid_o(valid[n]), .first_i(first), .mode_i(mode), .shift_i(shift),
          .channel_shift_i(channel_shift), .zero_point_i(zero_point), .low_i(low), .high_i(high),
          .acc_i(first ? acc[31:0] : acc[63:32]),
          .multiplier_i(first ? multiplier[30:0] : multiplier[61:31]), .bias_i(bias),
          .y_o(y[n*9+:9])
      );
    end
  endgenerate

  wire [1:0] ends = turn_q - 2'(CYCLES);  // the requantizer whose result comes out

  assign valid_o = valid[ends];
  assign y_o = y[ends*9+:9];

endmodule

`default_nettype wire
