// chain_column: pe_column, merge_regions, requantize: from a column of weights to an output.
//
// ROWS weights make a whole dot product, so that no accumulator is needed between. What the later
// units need travels beside the operands. For tests only.

`default_nettype none

module npu_chain_column #(
    parameter int ROWS          = 8,
    parameter int UNIFORM_BITS  = 8,  // the widest of the formats
    parameter int SUBSET        = 1,
    parameter int PWLQ_BITS     = 4,
    parameter int COLUMN_CYCLES = 3,  // latency of npu_pe_column with so many rows
    parameter int MERGE_CYCLES  = 1   // latency of npu_merge_regions
) (
    input  wire                          clk_i,
    input  wire                          rst_i,
    input  wire                          en_i,

    input  wire                          valid_i,
    output wire                          valid_o,

    input  wire  [2:0]                   format_i,
    input  wire  [3:0]                   bits_i,        // b of the layer
    input  wire  [2:0]                   mode_i,
    input  wire  [5:0]                   shift_i,
    input  wire  [61:0]                  multiplier_i,  // of the merged centre, of the tail
    input  wire  signed [62:0]           bias_i,

    input  wire  [ROWS*UNIFORM_BITS-1:0] weight_i,
    input  wire  [ROWS*9-1:0]            xe_i,
    output wire  signed [8:0]            y_o
);

  localparam int CYCLES    = COLUMN_CYCLES + MERGE_CYCLES;
  localparam int ROW_BITS  = $clog2(ROWS);
  localparam int LATE_BITS = 3 + 6 + 62 + 63;

  logic [COLUMN_CYCLES*4-1:0]  bits_q;
  logic [CYCLES*LATE_BITS-1:0] late_q;
  logic [MERGE_CYCLES*32-1:0]  tail_q;
  wire  [LATE_BITS-1:0] late = {mode_i, shift_i, multiplier_i, bias_i};
  wire  [2:0]  mode;
  wire  [5:0]  shift;
  wire  [61:0] multiplier;
  wire  [62:0] bias;
  wire         column_valid, merged_valid;
  wire  signed [UNIFORM_BITS+8+ROW_BITS-1:0] centre;
  wire  signed [PWLQ_BITS+8+ROW_BITS-1:0]    tail;
  wire  signed [9+ROW_BITS-1:0]              tail_sum;
  wire  signed [31:0]                        merged;

  always_ff @(posedge clk_i) begin
    if (en_i) begin  // the eldest entry falls off each line's end
      bits_q <= {bits_q, bits_i};
      late_q <= {late_q, late};
      tail_q <= {tail_q, 32'(tail)};
    end
  end
  assign {mode, shift, multiplier, bias} = late_q[(CYCLES-1)*LATE_BITS+:LATE_BITS];

  npu_pe_column #(
      .ROWS(ROWS), .UNIFORM_BITS(UNIFORM_BITS), .SUBSET(SUBSET), .PWLQ_BITS(PWLQ_BITS)
  ) column (
      .clk_i, .rst_i, .en_i, .valid_i, .valid_o(column_valid),
      .format_i, .weight_i, .xe_i,
      .centre_o(centre), .tail_o(tail), .tail_sum_o(tail_sum)
  );

  npu_merge_regions merge (
      .clk_i, .rst_i, .en_i, .valid_i(column_valid), .valid_o(merged_valid),
      .bits_i(bits_q[(COLUMN_CYCLES-1)*4+:4]),
      .acc_centre_i(32'(centre)), .acc_tail_sum_i(32'(tail_sum)), .acc_o(merged)
  );

  npu_requantize #(.MAX_TERMS(2)) requantize (
      .clk_i, .rst_i, .en_i, .valid_i(merged_valid), .valid_o, .first_i(1'b1),
      .mode_i(mode), .shift_i(shift), .channel_shift_i(4'd0),
      .zero_point_i(9'd3), .low_i(-9'sd128), .high_i(9'sd127),
      .acc_i({tail_q[(MERGE_CYCLES-1)*32+:32], merged}), .multiplier_i(multiplier), .bias_i(bias), .y_o
  );

endmodule

`default_nettype wire
