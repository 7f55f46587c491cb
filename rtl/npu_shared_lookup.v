// shared_lookup: the reader of the table that some lanes share, and take turns.
//
// | stage | signals                                                                   |
// |-------|---------------------------------------------------------------------------|
// | 3     | operand_i of the lane whose turn it is                                    |
// | 4     | npu_lookup; the bytes of the lanes before the last wait in held_q         |
//
// Law: docs/architecture.md, sections 2 and 4

`default_nettype none

module npu_shared_lookup #(
    parameter  int LANES_PER_LOOKUP = 1,  // 1, 2, 4 or 8
    localparam int LANES     = LANES_PER_LOOKUP,
    localparam int BYTE_BITS = 8,
    localparam int LANE_BITS = 3,
    localparam int ENTRIES   = 256
) (
    input  wire                          clk_i,
    input  wire                          rst_i,
    input  wire                          en_i,
    input  wire                          tap_i,      // stage 3
    input  wire  [LANE_BITS-1:0]         lane_i,     // whose turn it is
    input  wire  [ENTRIES*BYTE_BITS-1:0] table_i,
    input  wire  [LANES*BYTE_BITS-1:0]   operand_i,
    input  wire                          hold_i,     // a result of a lane before the last
    output wire  [LANES*BYTE_BITS-1:0]   out_o
);

  wire [BYTE_BITS-1:0] x, y;
  wire unused_valid;

  generate
    if (LANES != 1 && LANES != 2 && LANES != 4 && LANES != 8) begin : gen_bad_lanes
      npu_shared_lookup_LANES_PER_LOOKUP_must_be_1_2_4_or_8 bad_parameter ();
    end

    if (LANES == 1) begin : gen_one
      wire unused = &{1'b0, lane_i, hold_i};
      assign x     = operand_i;
      assign out_o = y;
    end else begin : gen_shared
      wire [$clog2(LANES)-1:0] choice = lane_i[$clog2(LANES)-1:0];
      wire unused_lane = &{1'b0, lane_i};
      logic [(LANES-1)*BYTE_BITS-1:0] held_q;  // the oldest lowest

      assign x     = operand_i[choice*BYTE_BITS+:BYTE_BITS];
      assign out_o = {y, held_q};

      always_ff @(posedge clk_i) begin
        if (hold_i) held_q <= out_o[LANES*BYTE_BITS-1:BYTE_BITS];
      end
    end
  endgenerate

  npu_lookup lookup (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(en_i), .valid_i(tap_i), .valid_o(unused_valid),
      .table_i(table_i), .x_i(x), .y_o(y)
  );

endmodule

`default_nettype wire
