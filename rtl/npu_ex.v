// ex: MX and EP, the two engines that compute, on the same lanes.
//
//   MX  MAC:      WGT, ACT -> ACC    npu_mac_engine makes addresses and timing
//   EP  RQ, VEC:  ACC, ACT -> ACT    npu_vector_engine
//
// npu_array makes the values of both. They run beside each other: each has its ports of ACT and of
// ACC, whose banks ownership keeps apart.
//
// Law: docs/architecture.md, sections 2 and 4

`default_nettype none

module npu_ex #(
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
    parameter  int ACT_BANKS    = 8,
    parameter  int WGT_BANKS    = 2,
    parameter  int PAR_BANKS    = 2,
    parameter  int ACC_BANKS    = 2,
    parameter  int ACC_WORDS    = 256,
    parameter  int LINE_WORDS   = 0,  // pixels of a row kept for a depthwise window
    localparam int WORDS            = (ROWS + SIZE - 1) / SIZE,
    localparam int INSTRUCTION_BITS = 128,
    localparam int MX_REGISTERS     = 14,
    localparam int EP_REGISTERS     = 17,
    localparam int CLAIM_BITS       = 20,
    localparam int WORD_BITS        = 16,
    localparam int BANK_BITS        = 8,
    localparam int BYTE_BITS        = 8,
    localparam int PAR_BITS         = 32
) (
    input  wire                         clk_i,
    input  wire                         rst_i,

    // control of MX
    input  wire  [INSTRUCTION_BITS-1:0] mx_head_i,     // instruction that may be issued
    input  wire  [INSTRUCTION_BITS-1:0] mx_current_i,  // instruction that runs
    input  wire  [MX_REGISTERS*32-1:0]  mx_registers_i,
    output wire                         mx_operand_o,  // the head's operands are not legal
    output wire  [CLAIM_BITS-1:0]       mx_claims_o,   // banks that the head names
    input  wire                         mx_prepare_i,  // takes the operands
    input  wire                         mx_issue_i,
    output wire                         mx_retire_o,
    output wire                         mx_address_o,  // ACC was touched where it may not be

    // control of EP
    input  wire  [INSTRUCTION_BITS-1:0] ep_head_i,
    input  wire  [INSTRUCTION_BITS-1:0] ep_current_i,
    input  wire  [EP_REGISTERS*32-1:0]  ep_registers_i,
    output wire                         ep_operand_o,
    output wire  [CLAIM_BITS-1:0]       ep_claims_o,
    input  wire                         ep_prepare_i,
    input  wire                         ep_issue_i,
    output wire                         ep_retire_o,
    output wire                         ep_address_o,

    // MX: ACT and WGT
    output wire  [WORDS-1:0]            mx_act_read_o,
    output wire  [WORDS*WORD_BITS-1:0]  mx_read_address_o,
    output wire  [BANK_BITS-1:0]        mx_read_banks_o,
    input  wire  [WORDS*SIZE*BYTE_BITS-1:0] mx_act_i,
    output wire                         wgt_read_o,
    output wire  [WORD_BITS-1:0]        wgt_address_o,
    output wire  [3:0]                  wgt_banks_o,
    input  wire  [SIZE*BYTE_BITS-1:0]   wgt_i,

    // EP: ACT and PAR
    output wire                         ep_act_read_o,
    output wire  [WORD_BITS-1:0]        ep_read_address_o,
    output wire  [BANK_BITS-1:0]        ep_read_banks_o,
    input  wire  [SIZE*BYTE_BITS-1:0]   ep_act_i,
    output wire                         act_write_o,
    output wire  [WORD_BITS-1:0]        act_write_address_o,
    output wire  [BANK_BITS-1:0]        act_write_banks_o,
    output wire  [SIZE*BYTE_BITS-1:0]   act_o,
    output wire                         par_read_o,
    output wire  [WORD_BITS-1:0]        par_address_o,
    output wire  [3:0]                  par_banks_o,
    input  wire  [SIZE*PAR_BITS-1:0]    par_i
);

  `include "generated/npu_isa.vh"

  localparam int ROW_BITS = $clog2(ROWS);
  localparam int SLICES   = (SIZE + ROWS - 1) / ROWS;
  localparam int SLICE_BITS = (SLICES > 1) ? $clog2(SLICES) : 1;
  localparam int REGIONS  = 3;
  localparam int ACC_BITS = 32 * SIZE;  // a word of one region
  localparam int COLUMN_BITS = 9;

  generate
    if (ACC_BANKS != 2 && ACC_BANKS != 4) begin : gen_bad_acc_banks
      npu_ex_ACC_BANKS_must_be_2_or_4 bad_parameter ();
    end
  endgenerate

  npu_operands_ex #(
      .SIZE        (SIZE),
      .ROWS        (ROWS),
      .UNIFORM_BITS(UNIFORM_BITS),
      .SUBSET      (SUBSET),
      .PWLQ_BITS   (PWLQ_BITS),
      .LUT         (LUT),
      .PWLQ_DOUBLE (PWLQ_DOUBLE),
      .FP32_REQUANTIZER(FP32_REQUANTIZER),
      .LINE_WORDS  (LINE_WORDS),
      .ACT_BANKS   (ACT_BANKS),
      .WGT_BANKS   (WGT_BANKS),
      .PAR_BANKS   (PAR_BANKS),
      .ACC_BANKS   (ACC_BANKS)
  ) operands (
      .clk_i         (clk_i),
      .mx_head_i     (mx_head_i),
      .mx_registers_i(mx_registers_i),
      .mx_operand_o  (mx_operand_o),
      .mx_claims_o   (mx_claims_o),
      .ep_head_i     (ep_head_i),
      .ep_registers_i(ep_registers_i),
      .ep_operand_o  (ep_operand_o),
      .ep_claims_o   (ep_claims_o)
  );

  // Addresses and timing.

  wire mac_busy, mac_acc_clear, mac_acc_final;
  wire [WORD_BITS-1:0] mac_acc_read_address, mac_acc_write_address;
  wire [REGIONS-1:0] mac_acc_read, mac_acc_write, vector_acc_read;
  wire code_valid, code_spans, shadow_write, operand_valid, operand_first, swap;
  wire [2:0] code_shift;
  wire [ROW_BITS-1:0] shadow_row;
  wire [ROWS-1:0] operand_active;
  wire [SLICE_BITS-1:0] operand_slice;
  wire column_read, column_write;
  wire [COLUMN_BITS-1:0] column, column_written;
  wire [1:0] operand_above;
  wire unused = &{1'b0, mac_acc_final, mx_current_i, ep_current_i};

  npu_mac_engine #(
      .SIZE(SIZE),
      .ROWS(ROWS),
      .LINE_WORDS(LINE_WORDS)
  ) mac_engine (
      .clk_i              (clk_i),
      .rst_i              (rst_i),
      .head_i             (mx_head_i),
      .current_i          (mx_current_i),
      .registers_i        (mx_registers_i),
      .prepare_i          (mx_prepare_i),
      .issue_i            (mx_issue_i),
      .retire_o           (mx_retire_o),
      .busy_o             (mac_busy),
      .act_read_o         (mx_act_read_o),
      .act_address_o      (mx_read_address_o),
      .wgt_read_o         (wgt_read_o),
      .wgt_address_o      (wgt_address_o),
      .code_valid_o       (code_valid),
      .code_shift_o       (code_shift),
      .code_spans_o       (code_spans),
      .shadow_write_o     (shadow_write),
      .shadow_row_o       (shadow_row),
      .operand_valid_o    (operand_valid),
      .operand_active_o   (operand_active),
      .operand_slice_o    (operand_slice),
      .operand_first_o    (operand_first),
      .operand_above_o    (operand_above),
      .swap_o             (swap),
      .column_read_o      (column_read),
      .column_o           (column),
      .column_write_o     (column_write),
      .column_written_o   (column_written),
      .acc_read_o         (mac_acc_read),
      .acc_read_address_o (mac_acc_read_address),
      .acc_clear_o        (mac_acc_clear),
      .acc_write_o        (mac_acc_write),
      .acc_write_address_o(mac_acc_write_address),
      .acc_final_o        (mac_acc_final)
  );

  wire vector_busy, vector_acc_write;
  wire [WORD_BITS-1:0] vector_acc_address, vector_write_address;
  wire par_valid, term_valid, term_from_act, tap_2, first_2, tap_3, first_3, hold;
  wire [2:0] lane_2, lane_3;
  wire [2:0] par_index;
  wire [1:0] term_index;

  npu_vector_engine #(
      .LANES_PER_REQUANTIZER(LANES_PER_REQUANTIZER),
      .LANES_PER_LOOKUP     (LANES_PER_LOOKUP)
  ) vector_engine (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .head_i         (ep_head_i),
      .current_i      (ep_current_i),
      .registers_i    (ep_registers_i),
      .prepare_i      (ep_prepare_i),
      .issue_i        (ep_issue_i),
      .retire_o       (ep_retire_o),
      .busy_o         (vector_busy),
      .act_read_o     (ep_act_read_o),
      .act_address_o  (ep_read_address_o),
      .par_read_o     (par_read_o),
      .par_address_o  (par_address_o),
      .acc_read_o     (vector_acc_read),
      .acc_address_o  (vector_acc_address),
      .par_valid_o    (par_valid),
      .par_index_o    (par_index),
      .term_valid_o   (term_valid),
      .term_index_o   (term_index),
      .term_from_act_o(term_from_act),
      .tap_2_o        (tap_2),
      .first_2_o      (first_2),
      .tap_3_o        (tap_3),
      .first_3_o      (first_3),
      .lane_2_o       (lane_2),
      .lane_3_o       (lane_3),
      .hold_o         (hold),
      .act_write_o    (act_write_o),
      .acc_write_o    (vector_acc_write),
      .write_address_o(vector_write_address)
  );

  assign mx_read_banks_o     = mx_current_i[MAC_READ_BANKS_L+:MAC_READ_BANKS_W];
  assign wgt_banks_o         = mx_current_i[MAC_WGT_BANKS_L+:MAC_WGT_BANKS_W];
  assign ep_read_banks_o     = ep_current_i[VEC_READ_BANKS_L+:VEC_READ_BANKS_W];
  assign act_write_address_o = vector_write_address;
  assign act_write_banks_o   = ep_current_i[VEC_WRITE_BANKS_L+:VEC_WRITE_BANKS_W];
  assign par_banks_o         = ep_current_i[RQ_PAR_BANKS_L+:RQ_PAR_BANKS_W];

  // Values.

  wire [REGIONS*ACC_BITS-1:0] mx_old, mx_more, ep_old;
  wire [ACC_BITS-1:0] ep_more;

  npu_accumulators #(
      .SIZE     (SIZE),
      .PWLQ_BITS(PWLQ_BITS),
      .ACC_BANKS(ACC_BANKS),
      .ACC_WORDS(ACC_WORDS)
  ) accumulators (
      .clk_i             (clk_i),
      .mx_read_i         (mac_acc_read),
      .mx_read_address_i (mac_acc_read_address),
      .mx_write_i        (mac_acc_write),
      .mx_write_address_i(mac_acc_write_address),
      .mx_banks_i        (mx_current_i[MAC_ACC_BANKS_L+:ACC_BANKS]),
      .mx_acc_o          (mx_old),
      .mx_acc_i          (mx_more),
      .ep_read_i         (vector_acc_read),
      .ep_read_address_i (vector_acc_address),
      .ep_write_i        (vector_acc_write),
      .ep_write_address_i(vector_write_address),
      .ep_banks_i        (ep_current_i[VEC_ACC_BANKS_L+:ACC_BANKS]),
      .ep_acc_o          (ep_old),
      .ep_acc_i          (ep_more),
      .mx_fault_o        (mx_address_o),
      .ep_fault_o        (ep_address_o)
  );

  npu_array #(
      .SIZE        (SIZE),
      .ROWS        (ROWS),
      .UNIFORM_BITS(UNIFORM_BITS),
      .SUBSET      (SUBSET),
      .PWLQ_BITS   (PWLQ_BITS),
      .LUT         (LUT),
      .PWLQ_DOUBLE (PWLQ_DOUBLE),
      .FP32_REQUANTIZER(FP32_REQUANTIZER),
      .LANES_PER_REQUANTIZER(LANES_PER_REQUANTIZER),
      .LANES_PER_LOOKUP(LANES_PER_LOOKUP),
      .LINE_WORDS  (LINE_WORDS)
  ) array (
      .clk_i           (clk_i),
      .rst_i           (rst_i),
      .mx_current_i    (mx_current_i),
      .mx_registers_i  (mx_registers_i),
      .ep_current_i    (ep_current_i),
      .ep_registers_i  (ep_registers_i),
      .mac_busy_i      (mac_busy),
      .vector_busy_i   (vector_busy),
      .vector_start_i  (ep_issue_i),
      .mx_act_i        (mx_act_i),
      .ep_act_i        (ep_act_i),
      .wgt_i           (wgt_i),
      .par_i           (par_i),
      .code_valid_i    (code_valid),
      .code_shift_i    (code_shift),
      .code_spans_i    (code_spans),
      .shadow_write_i  (shadow_write),
      .shadow_row_i    (shadow_row),
      .operand_valid_i (operand_valid),
      .operand_active_i(operand_active),
      .operand_slice_i (operand_slice),
      .operand_first_i (operand_first),
      .operand_above_i (operand_above),
      .swap_i          (swap),
      .column_read_i   (column_read),
      .column_i        (column),
      .column_write_i  (column_write),
      .column_written_i(column_written),
      .acc_clear_i     (mac_acc_clear),
      .mx_acc_i        (mx_old),
      .mx_acc_o        (mx_more),
      .ep_acc_i        (ep_old),
      .ep_acc_o        (ep_more),
      .par_valid_i     (par_valid),
      .par_index_i     (par_index),
      .term_valid_i    (term_valid),
      .term_index_i    (term_index),
      .term_from_act_i (term_from_act),
      .tap_2_i         (tap_2),
      .first_2_i       (first_2),
      .tap_3_i         (tap_3),
      .first_3_i       (first_3),
      .lane_2_i        (lane_2),
      .lane_3_i        (lane_3),
      .hold_i          (hold),
      .out_o           (act_o)
  );

endmodule

`default_nettype wire
