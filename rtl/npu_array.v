// array: the lanes of MX and EP, ROWS rows each; they share masks, requantizers, lookups, the output.
//
// | stage | signals                                                                  |
// |-------|--------------------------------------------------------------------------|
// | 2     | act_i, wgt_i, par_i: memory outputs; byte c (PAR: 32-bit word c) is lane c's |
// | 3     | operand_q, own operands of the lanes; npu_rows shows each to every lane  |
// | later | out_o, acc_o                                                             |
//
// What the instruction of EP asks for is decoded into registers, a cycle before the first word comes.
// table: word i of the walk writes entries (i*SIZE + lane) mod 256.
//
// Law: docs/architecture.md, section 2

`default_nettype none

module npu_array #(
    parameter  int SIZE         = 4,
    parameter  int ROWS         = 4,
    parameter  int UNIFORM_BITS = 8,
    parameter  int SUBSET       = 1,
    parameter  int PWLQ_BITS    = 4,
    parameter  int LUT          = 0,
    parameter  int PWLQ_DOUBLE  = 0,
    parameter  int FP32_REQUANTIZER = 0,  // beside each requantizer there is one of float32
    parameter  int LANES_PER_REQUANTIZER = 1,  // 1, 2, 4 or 8; likewise
    parameter  int LANES_PER_LOOKUP      = 1,
    parameter  int LINE_WORDS   = 0,  // pixels of a row kept for a depthwise window
    localparam int BYTE_BITS = 8,
    localparam int XE_BITS   = 9,
    localparam int ACC_BITS  = 32,
    localparam int REGIONS   = 3,
    localparam int ROW_BITS  = $clog2(ROWS),
    localparam int SLICES    = (SIZE + ROWS - 1) / ROWS,
    localparam int WORDS     = (ROWS + SIZE - 1) / SIZE,
    localparam int SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1,
    localparam int MX_REGISTERS = 14, LEVELS_BITS = 128,
    localparam int EP_REGISTERS = 17,
    localparam int COLUMN_BITS = 9,
    localparam int LANE_BITS = 3,
    localparam int INSTRUCTION_BITS = 128
) (
    input  wire                        clk_i,
    input  wire                        rst_i,

    // instructions that run
    input  wire  [INSTRUCTION_BITS-1:0] mx_current_i,
    input  wire  [MX_REGISTERS*32-1:0] mx_registers_i,
    input  wire  [INSTRUCTION_BITS-1:0] ep_current_i,
    input  wire  [EP_REGISTERS*32-1:0] ep_registers_i,
    input  wire                        mac_busy_i,      // a MAC runs
    input  wire                        vector_busy_i,   // RQ or VEC runs
    input  wire                        vector_start_i,  // cycle I of RQ or VEC

    // memory outputs, stage 2
    input  wire  [WORDS*SIZE*BYTE_BITS-1:0] mx_act_i,   // of each word of a tile
    input  wire  [SIZE*BYTE_BITS-1:0]  ep_act_i,
    input  wire  [SIZE*BYTE_BITS-1:0]  wgt_i,
    input  wire  [SIZE*ACC_BITS-1:0]   par_i,

    // MAC
    input  wire                        code_valid_i,
    input  wire  [2:0]                 code_shift_i,
    input  wire                        code_spans_i,
    input  wire                        shadow_write_i,
    input  wire  [ROW_BITS-1:0]        shadow_row_i,
    input  wire                        operand_valid_i,
    input  wire  [ROWS-1:0]            operand_active_i,
    input  wire  [SLICE_BITS-1:0]      operand_slice_i,
    input  wire                        operand_first_i,
    input  wire  [1:0]                 operand_above_i,
    input  wire                        swap_i,
    input  wire                        column_read_i,
    input  wire  [COLUMN_BITS-1:0]     column_i,
    input  wire                        column_write_i,
    input  wire  [COLUMN_BITS-1:0]     column_written_i,

    // accumulators: region by region, in it lane by lane
    input  wire                        acc_clear_i,
    input  wire  [REGIONS*SIZE*ACC_BITS-1:0] mx_acc_i,
    output wire  [REGIONS*SIZE*ACC_BITS-1:0] mx_acc_o,
    input  wire  [REGIONS*SIZE*ACC_BITS-1:0] ep_acc_i,
    output wire  [SIZE*ACC_BITS-1:0]   ep_acc_o,     // sums of VEC

    // RQ and VEC
    input  wire                        par_valid_i,
    input  wire  [2:0]                 par_index_i,
    input  wire                        term_valid_i,
    input  wire  [1:0]                 term_index_i,
    input  wire                        term_from_act_i,
    input  wire                        tap_2_i,
    input  wire                        first_2_i,
    input  wire                        tap_3_i,
    input  wire                        first_3_i,
    input  wire  [LANE_BITS-1:0]       lane_2_i,     // whose turn it is of those that share a unit
    input  wire  [LANE_BITS-1:0]       lane_3_i,
    input  wire                        hold_i,       // a result of a lane before the last

    // results
    output logic [SIZE*BYTE_BITS-1:0]  out_o
);

  `include "generated/npu_isa.vh"

  localparam int TABLE_BITS = 256 * BYTE_BITS;
  localparam int PLACE_BITS = $clog2(256 / SIZE);
  localparam int CONSTANT_BITS = 63 + 10 + 4 * 31;  // of npu_lane

  generate
    if (LANES_PER_REQUANTIZER < 1 || LANES_PER_REQUANTIZER > SIZE || LANES_PER_LOOKUP < 1 ||
        LANES_PER_LOOKUP > SIZE) begin : gen_bad_lanes
      npu_array_LANES_PER_UNIT_must_be_1_to_SIZE bad_parameter ();
    end
  endgenerate

  wire [HEADER_OPCODE_W-1:0] opcode = ep_current_i[HEADER_OPCODE_L+:HEADER_OPCODE_W];
  wire [VEC_OP_W-1:0] op = ep_current_i[VEC_OP_L+:VEC_OP_W];
  wire is_rq  = opcode == HEADER_OPCODE_W'(OP_RQ);
  wire is_vec = opcode == HEADER_OPCODE_W'(OP_VEC);
  logic is_max_q, is_min_q, is_multiply_q, is_add_q, is_lookup_q, is_table_q, is_copy_q;
  logic pwlq_q, merge_q, old_sum_q, subtract_q;

  always_ff @(posedge clk_i) begin
    is_max_q      <= is_vec && op == VEC_OP_W'(VEC_OP_MAX);
    is_min_q      <= is_vec && op == VEC_OP_W'(VEC_OP_MIN);
    is_multiply_q <= is_vec && op == VEC_OP_W'(VEC_OP_MULTIPLY);
    is_add_q      <= is_vec &&  // in one unit
        (op == VEC_OP_W'(VEC_OP_ADD) || op == VEC_OP_W'(VEC_OP_MULTIPLY));
    is_lookup_q   <= is_vec && op == VEC_OP_W'(VEC_OP_LOOKUP);
    is_table_q    <= is_vec && op == VEC_OP_W'(VEC_OP_TABLE);
    is_copy_q     <= is_vec && op == VEC_OP_W'(VEC_OP_COPY);
    old_sum_q     <= is_vec && op == VEC_OP_W'(VEC_OP_SUM) && ep_current_i[VEC_ACCUMULATE_L];
    subtract_q    <= ep_current_i[VEC_SUBTRACT_L];
    pwlq_q        <= is_rq && ep_current_i[RQ_PWLQ_L];
    merge_q       <= is_rq && ep_current_i[RQ_PWLQ_L] && !ep_current_i[RQ_ACT_TERMS_L];
  end

  wire [31:0] mac_format = mx_registers_i[MX_R_MAC_FORMAT*32+:32];
  wire [31:0] rq_output  = ep_registers_i[EP_R_RQ_OUTPUT*32+:32];
  wire [31:0] rq_mode    = ep_registers_i[EP_R_RQ_MODE*32+:32];
  wire [31:0] add_shift  = ep_registers_i[EP_R_ADD_SHIFT*32+:32];
  wire [31:0] add_zero_point = ep_registers_i[EP_R_ADD_ZERO_POINT*32+:32];
  wire unused = &{1'b0, mx_current_i, mx_registers_i, ep_current_i, ep_registers_i, mac_format,
                  rq_output, rq_mode, add_shift, add_zero_point};

  wire [XE_BITS-1:0] ep_zero_point =
      first_2_i ? add_zero_point[EP_R_ADD_ZERO_POINT_ZERO_POINT0_L+:XE_BITS] :
      add_zero_point[EP_R_ADD_ZERO_POINT_ZERO_POINT1_L+:XE_BITS];

  // Operands.

  wire [SIZE*XE_BITS-1:0] own_xe;
  wire [ROWS*XE_BITS-1:0] conv_xe;
  wire [SIZE-1:0] keep;
  wire [ROWS-1:0] mask, enters_1, enters_2;
  wire [1:0] above_keep;
  wire depthwise, valid_2, valid_3;
  logic [SIZE*BYTE_BITS-1:0] operand_q;
  wire unused_window = &{1'b0, above_keep, column_read_i, column_i, column_write_i,
                         column_written_i};

  always_ff @(posedge clk_i) begin
    if (tap_2_i) operand_q <= ep_act_i;
  end

  npu_rows #(
      .SIZE(SIZE),
      .ROWS(ROWS)
  ) rows (
      .clk_i           (clk_i),
      .rst_i           (rst_i),
      .current_i       (mx_current_i),
      .registers_i     (mx_registers_i),
      .depthwise_o     (depthwise),
      .operand_valid_i (operand_valid_i),
      .operand_active_i(operand_active_i),
      .operand_slice_i (operand_slice_i),
      .operand_first_i (operand_first_i),
      .operand_above_i (operand_above_i),
      .valid_2_o       (valid_2),
      .keep_2_o        (keep),
      .mx_act_i        (mx_act_i),
      .valid_3_o       (valid_3),
      .mask_3_o        (mask),
      .above_keep_3_o  (above_keep),
      .own_xe_i        (own_xe),
      .conv_xe_o       (conv_xe),
      .enters_1_o      (enters_1),
      .enters_2_o      (enters_2)
  );

  // The table.

  logic [TABLE_BITS-1:0] table_q;
  logic [PLACE_BITS-1:0] place_q;

  always_ff @(posedge clk_i) begin
    if (vector_start_i) place_q <= '0;
    else if (tap_3_i && is_table_q) place_q <= place_q + 1'b1;
    for (int w = 0; w < 256 / SIZE; w = w + 1) begin
      if (tap_3_i && is_table_q && place_q == PLACE_BITS'(w))
        table_q[w*(SIZE*BYTE_BITS)+:SIZE*BYTE_BITS] <= operand_q;
    end
  end

  // Lanes.

  wire [SIZE*BYTE_BITS-1:0] requantized, pooled, looked_up;

  // The accumulators of lane c, region by region.
  wire [SIZE*REGIONS*ACC_BITS-1:0] mx_old, mx_more, ep_old;
  wire [SIZE*CONSTANT_BITS-1:0] constants;
  wire [SIZE*ACC_BITS-1:0] terms;

  genvar c, g;
  generate
    for (c = 0; c < SIZE; c = c + 1) begin : lane
      for (g = 0; g < REGIONS; g = g + 1) begin : region
        localparam int OF_LANE = (c * REGIONS + g) * ACC_BITS;
        localparam int OF_WORD = (g * SIZE + c) * ACC_BITS;

        assign mx_old[OF_LANE+:ACC_BITS]   = mx_acc_i[OF_WORD+:ACC_BITS];
        assign ep_old[OF_LANE+:ACC_BITS]   = ep_acc_i[OF_WORD+:ACC_BITS];
        assign mx_acc_o[OF_WORD+:ACC_BITS] = mx_more[OF_LANE+:ACC_BITS];
      end

      assign pooled[c*BYTE_BITS+:BYTE_BITS] = ep_acc_o[c*ACC_BITS+:BYTE_BITS];

      wire [ROWS*XE_BITS-1:0] entering_xe;

      if (LINE_WORDS == 0) begin : gen_no_lines
        assign entering_xe = '0;
      end else begin : gen_lines
        npu_lines #(
            .ROWS      (ROWS),
            .LINE_WORDS(LINE_WORDS)
        ) lines (
            .clk_i          (clk_i),
            .rst_i          (rst_i),
            .read_i         (column_read_i),
            .read_address_i (column_i[$clog2(LINE_WORDS)-1:0]),
            .write_i        (column_write_i),
            .write_address_i(column_written_i[$clog2(LINE_WORDS)-1:0]),
            .act_i          (mx_act_i[c*BYTE_BITS+:BYTE_BITS]),
            .keep_i         (above_keep),
            .unsigned_i     (mac_format[MX_R_MAC_FORMAT_UNSIGNED_L]),
            .zero_point_i   (mac_format[MX_R_MAC_FORMAT_ZERO_POINT_L+:XE_BITS]),
            .enters_1_i     (enters_1),
            .enters_2_i     (enters_2),
            .entering_xe_o  (entering_xe)
        );
      end

      npu_lane #(
          .ROWS        (ROWS),
          .UNIFORM_BITS(UNIFORM_BITS), .SUBSET(SUBSET),
          .PWLQ_BITS   (PWLQ_BITS), .LUT(LUT), .PWLQ_DOUBLE(PWLQ_DOUBLE),
          .LINE_WORDS  (LINE_WORDS)
      ) unit (
          .clk_i              (clk_i), .rst_i(rst_i),
          .mac_busy_i         (mac_busy_i),
          .wgt_i              (wgt_i[c*BYTE_BITS+:BYTE_BITS]),
          .code_valid_i       (code_valid_i),
          .code_shift_i       (code_shift_i),
          .code_spans_i       (code_spans_i),
          .shadow_write_i     (shadow_write_i), .shadow_row_i(shadow_row_i),
          .swap_i             (swap_i),
          .format_i           (mac_format[MX_R_MAC_FORMAT_FORMAT_L+:MX_R_MAC_FORMAT_FORMAT_W]),
          .bits_i             (mac_format[MX_R_MAC_FORMAT_BITS_L+:4]),
          .selectors_i        (mx_registers_i[MX_R_SUBSET_SELECTORS*32+:32]),
          .levels_i           (mx_registers_i[MX_R_LUT_LEVELS0*32+:LEVELS_BITS]),
          .mx_act_i           (mx_act_i[c*BYTE_BITS+:BYTE_BITS]),
          .operand_valid_i    (valid_2),
          .keep_i             (keep[c]),
          .mx_unsigned_i      (mac_format[MX_R_MAC_FORMAT_UNSIGNED_L]),
          .mx_zero_point_i    (mac_format[MX_R_MAC_FORMAT_ZERO_POINT_L+:XE_BITS]),
          .own_xe_o           (own_xe[c*XE_BITS+:XE_BITS]),
          .depthwise_i        (depthwise),
          .step_i             (valid_3),
          .mask_i             (mask),
          .conv_xe_i          (conv_xe),
          .enters_i           (enters_1 | enters_2),
          .entering_xe_i      (entering_xe),
          .acc_clear_i        (acc_clear_i),
          .mx_acc_i           (mx_old[c*REGIONS*ACC_BITS+:REGIONS*ACC_BITS]),
          .mx_acc_o           (mx_more[c*REGIONS*ACC_BITS+:REGIONS*ACC_BITS]),
          .ep_act_i           (ep_act_i[c*BYTE_BITS+:BYTE_BITS]),
          .ep_acc_i           (ep_old[c*REGIONS*ACC_BITS+:REGIONS*ACC_BITS]),
          .ep_unsigned_i      (rq_mode[EP_R_RQ_MODE_UNSIGNED_L]),
          .par_i              (par_i[c*ACC_BITS+:ACC_BITS]),
          .par_valid_i        (par_valid_i),
          .par_index_i        (par_index_i),
          .term_valid_i       (term_valid_i),
          .term_index_i       (term_index_i),
          .term_from_act_i    (term_from_act_i),
          .pwlq_i             (pwlq_q),
          .operand_i          (operand_q[c*BYTE_BITS+:BYTE_BITS]),
          .tap_i              (tap_3_i),
          .first_i            (first_3_i),
          .maximum_i          (is_max_q),
          .minimum_i          (is_min_q),
          .old_sum_i          (old_sum_q),
          .constants_o        (constants[c*CONSTANT_BITS+:CONSTANT_BITS]),
          .term_o             (terms[c*ACC_BITS+:ACC_BITS]),
          .pooled_o           (ep_acc_o[c*ACC_BITS+:ACC_BITS])
      );
    end

    // What lanes share.

    for (c = 0; c < SIZE / LANES_PER_REQUANTIZER; c = c + 1) begin : requantizer
      localparam int N = LANES_PER_REQUANTIZER;

      npu_epilogue #(
          .LANES_PER_REQUANTIZER(N),
          .FP32_REQUANTIZER(FP32_REQUANTIZER)
      ) unit (
          .clk_i            (clk_i),
          .rst_i            (rst_i),
          .busy_i           (vector_busy_i),
          .lane_2_i         (lane_2_i),
          .lane_3_i         (lane_3_i),
          .act_i            (ep_act_i[c*N*BYTE_BITS+:N*BYTE_BITS]),
          .acc_i            (ep_old[c*N*REGIONS*ACC_BITS+:N*REGIONS*ACC_BITS]),
          .term_i           (terms[c*N*ACC_BITS+:N*ACC_BITS]),
          .constants_i      (constants[c*N*CONSTANT_BITS+:N*CONSTANT_BITS]),
          .term_valid_i     (term_valid_i),
          .term_index_i     (term_index_i),
          .merge_i          (merge_q),
          .pwlq_bits_i      (rq_mode[EP_R_RQ_MODE_PWLQ_BITS_L+:4]),
          .pair_valid_i     (tap_2_i && is_add_q),
          .unsigned_i       (rq_mode[EP_R_RQ_MODE_UNSIGNED_L]),
          .zero_point_i     (ep_zero_point),
          .tap_i            (tap_3_i),
          .add_i            (is_add_q),
          .multiply_i       (is_multiply_q),
          .subtract_i       (subtract_q),
          .add_multipliers_i({ep_registers_i[EP_R_ADD_MULTIPLIER2*32+:31],
                              ep_registers_i[EP_R_ADD_MULTIPLIER1*32+:31],
                              ep_registers_i[EP_R_ADD_MULTIPLIER0*32+:31]}),
          .add_shifts_i     ({add_shift[EP_R_ADD_SHIFT_SHIFT2_L+:6],
                              add_shift[EP_R_ADD_SHIFT_SHIFT1_L+:6],
                              add_shift[EP_R_ADD_SHIFT_SHIFT0_L+:6]}),
          .mode_i           (rq_mode[EP_R_RQ_MODE_ROUNDING_L+:3]),
          .out_zero_point_i (rq_output[EP_R_RQ_OUTPUT_ZERO_POINT_L+:XE_BITS]),
          .out_low_i        (rq_output[EP_R_RQ_OUTPUT_LOW_L+:XE_BITS]),
          .out_high_i       (rq_output[EP_R_RQ_OUTPUT_HIGH_L+:XE_BITS]),
          .hold_i           (hold_i),
          .out_o            (requantized[c*N*BYTE_BITS+:N*BYTE_BITS])
      );
    end

    for (c = 0; c < SIZE / LANES_PER_LOOKUP; c = c + 1) begin : lookup
      localparam int N = LANES_PER_LOOKUP;

      npu_shared_lookup #(
          .LANES_PER_LOOKUP(N)
      ) unit (
          .clk_i    (clk_i),
          .rst_i    (rst_i),
          .en_i     (is_lookup_q),
          .tap_i    (tap_3_i),
          .lane_i   (lane_3_i),
          .table_i  (table_q),
          .operand_i(operand_q[c*N*BYTE_BITS+:N*BYTE_BITS]),
          .hold_i   (hold_i),
          .out_o    (looked_up[c*N*BYTE_BITS+:N*BYTE_BITS])
      );
    end
  endgenerate

  always_comb begin
    if (is_copy_q) out_o = operand_q;
    else if (is_max_q || is_min_q) out_o = pooled;
    else if (is_lookup_q) out_o = looked_up;
    else out_o = requantized;
  end

endmodule

`default_nettype wire
