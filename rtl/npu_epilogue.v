// epilogue: what some lanes share of RQ and of VEC add and multiply: one requantizer, one adder.
//
//   RQ:             byte = requantize(terms)
//   add, multiply:  byte = requantize(add(pair))
//
// The walk gives each window once for each of these lanes: a lane's bytes and words are chosen
// at the memories' outputs, its term one stage later, its constants two. The bytes of the lanes
// before the last wait in held_q until the whole word is written.
//
// | stage | signals                                                                         |
// |-------|---------------------------------------------------------------------------------|
// | 2     | lane_2_i: act, acc: of the lane whose turn it is                                |
// | 3     | lane_3_i: its term; tail_sum_q, pair_xe                                         |
// | 4     | merged, term_q; its constants                                                   |
// | then  | npu_requantize from 4 on; npu_add from 3 on, and then npu_requantize            |
//
// Law: docs/architecture.md, sections 2 and 4

`default_nettype none

module npu_epilogue #(
    parameter  int LANES_PER_REQUANTIZER = 1,  // 1, 2, 4 or 8
    parameter  int FP32_REQUANTIZER = 0,  // the float32 requantizer is there too
    localparam int LANES     = LANES_PER_REQUANTIZER,
    localparam int BYTE_BITS = 8,
    localparam int XE_BITS   = 9,
    localparam int ACC_BITS  = 32,
    localparam int REGIONS   = 3,
    localparam int LANE_BITS = 3,
    localparam int TERM_BITS = 2,
    localparam int MULTIPLIER_BITS = 31,
    localparam int ADD_SHIFT_BITS  = 6,
    localparam int CONSTANT_BITS   = 63 + 10 + 4 * MULTIPLIER_BITS
) (
    input  wire                          clk_i,
    input  wire                          rst_i,
    input  wire                          busy_i,            // RQ or VEC runs

    // operands: lane by lane
    input  wire  [LANE_BITS-1:0]         lane_2_i,          // whose turn it is, stage 2
    input  wire  [LANE_BITS-1:0]         lane_3_i,          // stage 3
    input  wire  [LANES*BYTE_BITS-1:0]   act_i,             // stage 2
    input  wire  [LANES*REGIONS*ACC_BITS-1:0] acc_i,        // stage 2
    input  wire  [LANES*ACC_BITS-1:0]    term_i,            // stage 3
    input  wire  [LANES*CONSTANT_BITS-1:0] constants_i,     // of npu_lane, stage 4

    // terms of RQ
    input  wire                          term_valid_i,      // stage 2
    input  wire  [TERM_BITS-1:0]         term_index_i,
    input  wire                          merge_i,           // term 0 is A1 + n*S
    input  wire  [3:0]                   pwlq_bits_i,

    // pairs of VEC
    input  wire                          pair_valid_i,      // stage 2: a tap of add or multiply
    input  wire                          unsigned_i,
    input  wire  signed [XE_BITS-1:0]    zero_point_i,      // of that tap
    input  wire                          tap_i,             // stage 3
    input  wire                          add_i,             // VEC add or multiply
    input  wire                          multiply_i,
    input  wire                          subtract_i,
    input  wire  [3*MULTIPLIER_BITS-1:0] add_multipliers_i,
    input  wire  [3*ADD_SHIFT_BITS-1:0]  add_shifts_i,

    // outputs
    input  wire  [2:0]                   mode_i,
    input  wire  signed [XE_BITS-1:0]    out_zero_point_i,
    input  wire  signed [XE_BITS-1:0]    out_low_i,
    input  wire  signed [XE_BITS-1:0]    out_high_i,
    input  wire                          hold_i,            // a result of a lane before the last
    output wire  [LANES*BYTE_BITS-1:0]   out_o
);

  `include "generated/npu_isa.vh"

  localparam int TERMS      = 4;
  localparam int TOTAL_BITS = 63;
  localparam int ADD_BITS   = 30;

  generate
    if (LANES != 1 && LANES != 2 && LANES != 4 && LANES != 8) begin : gen_bad_lanes
      npu_epilogue_LANES_PER_REQUANTIZER_must_be_1_2_4_or_8 bad_parameter ();
    end
  endgenerate

  // The lane whose turn it is.

  wire [BYTE_BITS-1:0] act;
  wire [REGIONS*ACC_BITS-1:0] acc;
  wire [ACC_BITS-1:0] lane_term;
  wire [CONSTANT_BITS-1:0] constants;

  generate
    if (LANES == 1) begin : gen_one
      wire unused_lane = &{1'b0, lane_2_i, lane_3_i};
      assign act       = act_i;
      assign acc       = acc_i;
      assign lane_term = term_i;
      assign constants = constants_i;
    end else begin : gen_chosen
      localparam int CHOICE_BITS = $clog2(LANES);
      wire [CHOICE_BITS-1:0] choice_2 = lane_2_i[CHOICE_BITS-1:0];
      wire [CHOICE_BITS-1:0] choice_3 = lane_3_i[CHOICE_BITS-1:0];
      logic [CHOICE_BITS-1:0] choice_4q;
      wire unused_lane = &{1'b0, lane_2_i, lane_3_i};
      assign act       = act_i[choice_2*BYTE_BITS+:BYTE_BITS];
      assign acc       = acc_i[choice_2*(REGIONS*ACC_BITS)+:REGIONS*ACC_BITS];
      assign lane_term = term_i[choice_3*ACC_BITS+:ACC_BITS];
      assign constants = constants_i[choice_4q*CONSTANT_BITS+:CONSTANT_BITS];

      always_ff @(posedge clk_i) choice_4q <= choice_3;
    end
  endgenerate

  wire [TOTAL_BITS-1:0] bias;
  wire [9:0] shift;
  wire [TERMS*MULTIPLIER_BITS-1:0] multipliers;
  assign {bias, shift, multipliers} = constants;

  // Terms.

  logic [TERM_BITS-1:0] term_index_3q, term_index_4q;
  logic term_valid_3q, term_valid_4q;
  logic [ACC_BITS-1:0] tail_sum_q, term_q;
  wire [ACC_BITS-1:0] merged;
  wire unused_valid_merge;
  wire unused_acc = &{1'b0, acc};
  wire first_3 = term_index_3q == '0;

  always_ff @(posedge clk_i) begin
    if (rst_i) {term_valid_4q, term_valid_3q} <= '0;
    else {term_valid_4q, term_valid_3q} <= {term_valid_3q, term_valid_i};
    if (term_valid_i) term_index_3q <= term_index_i;
    if (term_valid_i && merge_i && term_index_i == '0) tail_sum_q <= acc[2*ACC_BITS+:ACC_BITS];
    if (term_valid_3q) begin
      term_index_4q <= term_index_3q;
      term_q        <= lane_term;
    end
  end

  npu_merge_regions merge_regions (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(term_valid_3q && merge_i && first_3), .valid_i(1'b0),
      .valid_o(unused_valid_merge), .bits_i(pwlq_bits_i), .acc_centre_i(lane_term),
      .acc_tail_sum_i(tail_sum_q), .acc_o(merged)
  );

  // Pairs.

  wire signed [XE_BITS-1:0] pair_xe;  // stage 3
  logic signed [XE_BITS-1:0] first_xe_q;
  wire signed [ADD_BITS-1:0] added;
  wire unused_valid_add, unused_valid_pair;

  npu_subtract_zero_point subtract_pair_zero_point (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(pair_valid_i), .valid_i(1'b0),
      .valid_o(unused_valid_pair), .unsigned_type_i(unsigned_i),
      .zero_point_i(zero_point_i), .x_i(act), .keep_i(1'b1), .xe_o(pair_xe)
  );

  always_ff @(posedge clk_i) begin
    if (tap_i) first_xe_q <= pair_xe;
  end

  npu_add add (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(busy_i && add_i), .valid_i(1'b0),
      .valid_o       (unused_valid_add),
      .mode_i        (mode_i),
      .multiplier_a_i(add_multipliers_i[0+:MULTIPLIER_BITS]),
      .multiplier_b_i(add_multipliers_i[MULTIPLIER_BITS+:MULTIPLIER_BITS]),
      .shift_a_i     (add_shifts_i[0+:ADD_SHIFT_BITS]),
      .shift_b_i     (add_shifts_i[ADD_SHIFT_BITS+:ADD_SHIFT_BITS]),
      .multiply_i    (multiply_i),
      .subtract_i    (subtract_i),
      .xe_a_i        (first_xe_q),
      .xe_b_i        (pair_xe),
      .acc_o         (added)
  );

  // Requantizer, of RQ's terms, one a cycle, or of add's sum.

  wire first_term = term_index_4q == '0;
  wire [ACC_BITS-1:0] term = (merge_i && first_term) ? merged : term_q;
  wire signed [XE_BITS-1:0] requantized, integer_requantized;
  wire unused_valid_requantize;
  wire unused_requantized = requantized[XE_BITS-1];

  npu_requantize requantize (
      .clk_i (clk_i), .rst_i (rst_i), .en_i (busy_i), .valid_i (add_i || term_valid_4q),
      .valid_o (unused_valid_requantize), .mode_i (mode_i),
      .shift_i        (add_i ? add_shifts_i[2*ADD_SHIFT_BITS+:ADD_SHIFT_BITS] : shift[5:0]),
      .channel_shift_i(add_i ? 4'd0 : shift[9:6]),
      .zero_point_i (out_zero_point_i), .low_i (out_low_i), .high_i (out_high_i),
      .first_i        (add_i || first_term),
      .acc_i          (add_i ? {{(ACC_BITS - ADD_BITS) {added[ADD_BITS-1]}}, added} : term),
      .multiplier_i   (add_i ? add_multipliers_i[2*MULTIPLIER_BITS+:MULTIPLIER_BITS]
                             : multipliers[term_index_4q*MULTIPLIER_BITS+:MULTIPLIER_BITS]),
      .bias_i         (add_i ? TOTAL_BITS'(0) : bias),
      .y_o            (integer_requantized)
  );

  // The float32 requantizer, of RQ's term 0: its latency is the integer one's.

  generate
    if (FP32_REQUANTIZER != 0) begin : gen_float
      wire signed [XE_BITS-1:0] float_requantized;
      wire unused_valid_float;
      logic [ACC_BITS-1:0] term0_q;  // where more terms follow

      always_ff @(posedge clk_i) begin
        if (term_valid_4q && first_term) term0_q <= term;
      end

      npu_requantize_float requantize_float (
          .clk_i(clk_i), .rst_i(rst_i), .en_i(busy_i), .valid_i(1'b0),
          .valid_o(unused_valid_float), .zero_point_i(out_zero_point_i), .low_i(out_low_i),
          .high_i(out_high_i), .acc_i(first_term ? term : term0_q), .bias_i(bias[ACC_BITS-1:0]),
          .scale_i(multipliers[MULTIPLIER_BITS-1:0]), .y_o(float_requantized)
      );

      assign requantized = (mode_i == 3'(ROUND_FLOAT32) && !add_i) ? float_requantized
                                                                        : integer_requantized;
    end else begin : gen_no_float
      assign requantized = integer_requantized;
    end
  endgenerate

  // The bytes of the lanes before the last, the oldest lowest.

  generate
    if (LANES == 1) begin : gen_at_once
      wire unused_hold = hold_i;
      assign out_o = requantized[BYTE_BITS-1:0];
    end else begin : gen_held
      logic [(LANES-1)*BYTE_BITS-1:0] held_q;

      assign out_o = {requantized[BYTE_BITS-1:0], held_q};

      always_ff @(posedge clk_i) begin
        if (hold_i) held_q <= out_o[LANES*BYTE_BITS-1:BYTE_BITS];
      end
    end
  endgenerate

endmodule

`default_nettype wire
