// lane: what belongs to one column alone: weights, products, accumulators, constants, pool.
//
//   MAC:  ACC[a] (+)= sum over rows of weight[row] * xe[row]
//   RQ:   term_o, constants_o, for npu_epilogue        VEC: pooled_o = fold of the taps
//
// | stage       | MAC                                  | RQ, VEC                                |
// |-------------|--------------------------------------|----------------------------------------|
// | 2           | memory output                        | memory output                          |
// | 3           | own_xe_o                             | term_o, par_q                          |
// | 4           | xe_q: operands of the rows           | constants_o; npu_pool                  |
// | 5 ..        | npu_pe_column                        |                                        |
// | 4 + column  | sums; ACC output                     |                                        |
// | 5 + column  | npu_accumulate's output is written   |                                        |
//
// In a convolution row r's operand is what npu_rows chooses, for every lane (conv_xe_i). In a depthwise
// one the lane's own operand enters row 0 and walks down the rows, one a read; npu_lines has more enter.
//
// Law: docs/architecture.md, sections 2 and 4

`default_nettype none

module npu_lane #(
    parameter  int ROWS         = 4,
    parameter  int UNIFORM_BITS = 8,
    parameter  int SUBSET       = 1,
    parameter  int PWLQ_BITS    = 4,
    parameter  int LUT          = 0,
    parameter  int PWLQ_DOUBLE  = 0,
    parameter  int LINE_WORDS   = 0,      // pixels of a row in npu_lines; 0: not built in
    localparam int BYTE_BITS  = 8,
    localparam int FORMAT_BITS = 3,
    localparam int LEVELS_BITS = 128,
    localparam int XE_BITS    = 9,
    localparam int ACC_BITS   = 32,
    localparam int REGIONS    = 3,
    localparam int ROW_BITS   = $clog2(ROWS),
    localparam int TERMS      = 4,
    localparam int TERM_BITS  = 2,
    localparam int MULTIPLIER_BITS = 31,
    localparam int CONSTANT_BITS   = 63 + 10 + 4 * MULTIPLIER_BITS
) (
    input  wire                          clk_i,
    input  wire                          rst_i,

    // weights
    input  wire                          mac_busy_i,        // a MAC runs: its stages move
    input  wire  [BYTE_BITS-1:0]         wgt_i,             // stage 2: this column's byte
    input  wire                          code_valid_i,
    input  wire  [2:0]                   code_shift_i,
    input  wire                          code_spans_i,
    input  wire                          shadow_write_i,
    input  wire  [ROW_BITS-1:0]          shadow_row_i,
    input  wire                          swap_i,            // stage 3 of a pass's first word
    input  wire  [FORMAT_BITS-1:0]       format_i,
    input  wire  [3:0]                   bits_i,
    input  wire  [31:0]                  selectors_i,
    input  wire  [LEVELS_BITS-1:0]       levels_i,

    // operands of MAC
    input  wire  [BYTE_BITS-1:0]         mx_act_i,          // stage 2
    input  wire                          operand_valid_i,   // stage 2
    input  wire                          keep_i,
    input  wire                          mx_unsigned_i,
    input  wire  signed [XE_BITS-1:0]    mx_zero_point_i,
    output wire  signed [XE_BITS-1:0]    own_xe_o,          // stage 3
    input  wire                          depthwise_i,
    input  wire                          step_i,            // stage 3
    input  wire  [ROWS-1:0]              mask_i,            // 0 where a row counts not, or x = 0
    input  wire  [ROWS*XE_BITS-1:0]      conv_xe_i,         // stage 3: own_xe_o of a slice's lanes
    input  wire  [ROWS-1:0]              enters_i,          // 1 where entering_xe_i has a row's xe
    input  wire  [ROWS*XE_BITS-1:0]      entering_xe_i,     // stage 4, from npu_lines; else 0

    // accumulators of MAC
    input  wire                          acc_clear_i,
    input  wire  [REGIONS*ACC_BITS-1:0]  mx_acc_i,          // what is added to
    output wire  [REGIONS*ACC_BITS-1:0]  mx_acc_o,          // what is written

    // constants and terms of RQ, taps of VEC
    input  wire  [BYTE_BITS-1:0]         ep_act_i,          // stage 2
    input  wire  [REGIONS*ACC_BITS-1:0]  ep_acc_i,          // stage 2
    input  wire                          ep_unsigned_i,
    input  wire  [ACC_BITS-1:0]          par_i,             // stage 2
    input  wire                          par_valid_i,
    input  wire  [2:0]                   par_index_i,
    input  wire                          term_valid_i,      // stage 2
    input  wire  [TERM_BITS-1:0]         term_index_i,
    input  wire                          term_from_act_i,
    input  wire                          pwlq_i,            // ACC terms of RQ are A1 + n*S and A2
    input  wire  [BYTE_BITS-1:0]         operand_i,         // stage 3: this lane's byte
    input  wire                          tap_i,             // stage 3
    input  wire                          first_i,           // stage 3: first tap of a window
    input  wire                          maximum_i,         // VEC max
    input  wire                          minimum_i,         // VEC min; else sum
    input  wire                          old_sum_i,         // sum: begin with the old ACC value

    // results
    output wire  [CONSTANT_BITS-1:0]     constants_o,       // bias, shifts, multipliers
    output wire  [ACC_BITS-1:0]          term_o,            // stage 3
    output wire  [ACC_BITS-1:0]          pooled_o
);

  `include "generated/npu_isa.vh"

  generate
    if (FORMAT_BITS != MX_R_MAC_FORMAT_FORMAT_W) begin : gen_bad_format_bits
      npu_lane_FORMAT_BITS_must_be_those_of_mac_format bad_parameter ();
    end
  endgenerate

  // Widths of npu_weight_column and npu_pe_column.
  localparam int PWLQ_CODE_BITS   = (PWLQ_BITS != 0) ? PWLQ_BITS + 1 : 0;
  localparam int SUBSET_WIRE_BITS = (SUBSET != 0) ? 5 : 0;
  localparam int WIDER_BITS   = (UNIFORM_BITS > PWLQ_CODE_BITS) ? UNIFORM_BITS : PWLQ_CODE_BITS;
  localparam int WEIGHT_BITS  = (WIDER_BITS > SUBSET_WIRE_BITS) ? WIDER_BITS : SUBSET_WIRE_BITS;
  localparam int MOST_BITS    = (UNIFORM_BITS > PWLQ_BITS) ? UNIFORM_BITS : PWLQ_BITS;
  localparam int PRODUCT_BITS = XE_BITS - 1 + ((SUBSET != 0 && MOST_BITS < 6) ? 6 : MOST_BITS);
  localparam int CENTRE_BITS  = PRODUCT_BITS + ROW_BITS;
  localparam int TAIL_BITS    = XE_BITS - 1 + PWLQ_BITS + ROW_BITS;
  localparam int TAIL_SUM_BITS = XE_BITS + ROW_BITS;
  localparam int TOTAL_BITS   = 63;

  // Weights and operands.

  wire [ROWS*WEIGHT_BITS-1:0] active;

  npu_weight_column #(
      .ROWS        (ROWS),
      .UNIFORM_BITS(UNIFORM_BITS),
      .SUBSET      (SUBSET),
      .PWLQ_BITS   (PWLQ_BITS),
      .LUT         (LUT),
      .PWLQ_DOUBLE (PWLQ_DOUBLE)
  ) weight_column (
      .clk_i         (clk_i),
      .rst_i         (rst_i),
      .en_i          (mac_busy_i),
      .wgt_i         (wgt_i),
      .code_valid_i  (code_valid_i),
      .code_shift_i  (code_shift_i),
      .code_spans_i  (code_spans_i),
      .shadow_write_i(shadow_write_i),
      .shadow_row_i  (shadow_row_i),
      .swap_i        (swap_i),
      .format_i      (format_i),
      .bits_i        (bits_i),
      .selectors_i   (selectors_i),
      .levels_i      (levels_i),
      .active_o      (active)
  );

  wire unused_valid_xe;

  npu_subtract_zero_point subtract_zero_point (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(operand_valid_i), .valid_i(1'b0),
      .valid_o(unused_valid_xe), .unsigned_type_i(mx_unsigned_i), .zero_point_i(mx_zero_point_i),
      .x_i(mx_act_i), .keep_i(keep_i), .xe_o(own_xe_o)
  );

  // Stage 4: in a convolution what was broadcast, in a depthwise one the delay line.

  logic [ROWS*XE_BITS-1:0] xe_q;
  wire [ROWS*XE_BITS-1:0] xe;
  wire unused_mask = &{1'b0, mask_i[0], enters_i, entering_xe_i};

  genvar r;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : row
      localparam int AT = r * XE_BITS;
      wire [XE_BITS-1:0] next;

      if (r == 0) begin : gen_first
        assign next = own_xe_o;
      end else begin : gen_next
        assign next = mask_i[r] ? xe[AT-XE_BITS+:XE_BITS] : '0;
      end

      if (LINE_WORDS == 0) begin : gen_no_window
        assign xe[AT+:XE_BITS] = xe_q[AT+:XE_BITS];
      end else begin : gen_window
        assign xe[AT+:XE_BITS] = enters_i[r] ? entering_xe_i[AT+:XE_BITS] : xe_q[AT+:XE_BITS];
      end

      always_ff @(posedge clk_i) begin
        if (rst_i) xe_q[AT+:XE_BITS] <= '0;
        else if (step_i) xe_q[AT+:XE_BITS] <= depthwise_i ? next : conv_xe_i[AT+:XE_BITS];
      end
    end
  endgenerate

  wire signed [CENTRE_BITS-1:0]   centre;
  wire signed [TAIL_BITS-1:0]     tail;
  wire signed [TAIL_SUM_BITS-1:0] tail_sum;
  wire unused_valid_column;

  npu_pe_column #(
      .ROWS        (ROWS),
      .UNIFORM_BITS(UNIFORM_BITS),
      .SUBSET      (SUBSET),
      .PWLQ_BITS   (PWLQ_BITS)
  ) pe_column (
      .clk_i     (clk_i),
      .rst_i     (rst_i),
      .en_i      (mac_busy_i),
      .valid_i   (1'b0),
      .valid_o   (unused_valid_column),
      .format_i  (format_i),
      .weight_i  (active),
      .xe_i      (xe),
      .centre_o  (centre),
      .tail_o    (tail),
      .tail_sum_o(tail_sum)
  );

  // Accumulators: region 0 is A1 (or the only one), 1 is A2, 2 is S.

  genvar g;
  generate
    for (g = 0; g < REGIONS; g = g + 1) begin : region
      if (g == 0 || PWLQ_BITS != 0) begin : gen_there
        localparam int SUM_BITS =
            (g == 0) ? CENTRE_BITS : (g == 1) ? TAIL_BITS : TAIL_SUM_BITS;
        wire signed [SUM_BITS-1:0] sum;
        wire unused_valid;

        if (g == 0) begin : gen_centre
          assign sum = centre;
        end else if (g == 1) begin : gen_tail
          assign sum = tail;
        end else begin : gen_tail_sum
          assign sum = tail_sum;
        end

        npu_accumulate #(
            .SUM_BITS(SUM_BITS)
        ) accumulate (
            .clk_i  (clk_i),
            .rst_i  (rst_i),
            .en_i   (mac_busy_i),
            .valid_i(1'b0),
            .valid_o(unused_valid),
            .clear_i(acc_clear_i),
            .sum_i  (sum),
            .acc_i  (mx_acc_i[g*ACC_BITS+:ACC_BITS]),
            .acc_o  (mx_acc_o[g*ACC_BITS+:ACC_BITS])
        );
      end else begin : gen_absent
        wire unused = &{1'b0, mx_acc_i[g*ACC_BITS+:ACC_BITS]};
        assign mx_acc_o[g*ACC_BITS+:ACC_BITS] = '0;
      end
    end

    if (PWLQ_BITS == 0) begin : gen_no_tail
      wire unused = &{1'b0, tail, tail_sum};
    end
  endgenerate

  // Constants of RQ.

  logic [2*ACC_BITS-1:0] bias_q;
  logic [9:0] shift_q;
  logic [TERMS*MULTIPLIER_BITS-1:0] multiplier_q;
  wire unused_bias = bias_q[2*ACC_BITS-1];
  logic par_valid_q;
  logic [2:0] par_index_q;
  logic [ACC_BITS-1:0] par_q;
  wire unused_par = par_q[ACC_BITS-1];

  always_ff @(posedge clk_i) begin
    par_valid_q <= par_valid_i && !rst_i;
    if (par_valid_i) begin
      par_index_q <= par_index_i;
      par_q       <= par_i;
    end
    if (par_valid_q) begin
      if (par_index_q == 3'd0) begin
        bias_q[ACC_BITS-1:0] <= par_q;
        multiplier_q         <= '0;
      end
      if (par_index_q == 3'd1) bias_q[ACC_BITS+:ACC_BITS] <= par_q;
      if (par_index_q == 3'd2) shift_q <= {par_q[11:8], par_q[5:0]};
      for (int j = 0; j < TERMS; j = j + 1) begin
        if (par_index_q == 3'(ISA_PAR_HEADER_WORDS + j))
          multiplier_q[j*MULTIPLIER_BITS+:MULTIPLIER_BITS] <= par_q[MULTIPLIER_BITS-1:0];
      end
    end
  end

  assign constants_o = {bias_q[TOTAL_BITS-1:0], shift_q, multiplier_q};

  // Terms.

  wire act_top = !ep_unsigned_i && ep_act_i[BYTE_BITS-1];
  wire [ACC_BITS-1:0] act_term = {{ACC_BITS - BYTE_BITS{act_top}}, ep_act_i};
  wire [ACC_BITS-1:0] acc_term =
      (pwlq_i && term_index_i != '0) ? ep_acc_i[ACC_BITS+:ACC_BITS] : ep_acc_i[0+:ACC_BITS];
  logic [ACC_BITS-1:0] term_q;  // stage 3
  wire unused_tail_sum = &{1'b0, ep_acc_i[2*ACC_BITS+:ACC_BITS]};

  always_ff @(posedge clk_i) begin
    if (rst_i) term_q <= '0;
    else if (term_valid_i) term_q <= term_from_act_i ? act_term : acc_term;
  end

  assign term_o = term_q;

  // VEC: pool.

  wire operand_top = !ep_unsigned_i && operand_i[BYTE_BITS-1];
  wire unused_valid_pool;
  wire [ACC_BITS-1:0] pooled;
  wire signed [ACC_BITS-1:0] pool_acc = (first_i && old_sum_i) ? term_q : pooled;

  npu_pool pool (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(tap_i), .valid_i(1'b0), .valid_o(unused_valid_pool),
      .first_i(first_i && !old_sum_i), .maximum_i(maximum_i), .minimum_i(minimum_i),
      .x_i({operand_top, operand_i}), .acc_i(pool_acc), .acc_o(pooled)
  );

  assign pooled_o = pooled;

endmodule

`default_nettype wire
