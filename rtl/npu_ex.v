// ex: MAC, RQ and VEC on the array, one instruction at a time.
//
// npu_mac_engine and npu_vector_engine make addresses and timing, npu_array the values; here the two
// share the scratchpads' ports. Only one of them is at work.
//
// Law: docs/architecture.md, sections 2 and 4

`default_nettype none

module npu_ex #(
    parameter  int SIZE         = 4,
    parameter  int UNIFORM_BITS = 8,
    parameter  int SUBSET       = 1,
    parameter  int PWLQ_BITS    = 4,
    parameter  int FP32_REQUANTIZER = 0,  // each lane has the float32 requantizer too
    parameter  int ACT_BANKS    = 8,
    parameter  int WGT_BANKS    = 2,
    parameter  int PAR_BANKS    = 2,
    parameter  int ACC_WORDS    = 256,
    localparam int INSTRUCTION_BITS = 128,
    localparam int REGISTERS        = 27,
    localparam int CLAIM_BITS       = 16,
    localparam int WORD_BITS        = 16,
    localparam int BANK_BITS        = 8,
    localparam int BYTE_BITS        = 8,
    localparam int PAR_BITS         = 32
) (
    input  wire                         clk_i,
    input  wire                         rst_i,

    // control
    input  wire  [INSTRUCTION_BITS-1:0] head_i,       // instruction that may be issued
    input  wire  [INSTRUCTION_BITS-1:0] current_i,    // instruction that runs
    input  wire  [REGISTERS*32-1:0]     registers_i,
    output wire                         operand_o,    // the head's operands are not legal
    output wire  [CLAIM_BITS-1:0]       claims_o,     // banks that the head names
    input  wire                         issue_i,
    output wire                         retire_o,
    output wire                         address_o,    // an accumulator beyond the last was touched

    // ACT
    output wire                         act_read_o,
    output wire  [WORD_BITS-1:0]        act_read_address_o,
    output wire  [BANK_BITS-1:0]        act_read_banks_o,
    input  wire  [SIZE*BYTE_BITS-1:0]   act_i,
    output wire                         act_write_o,
    output wire  [WORD_BITS-1:0]        act_write_address_o,
    output wire  [BANK_BITS-1:0]        act_write_banks_o,
    output wire  [SIZE*BYTE_BITS-1:0]   act_o,

    // WGT and PAR
    output wire                         wgt_read_o,
    output wire  [WORD_BITS-1:0]        wgt_address_o,
    output wire  [3:0]                  wgt_banks_o,
    input  wire  [SIZE*BYTE_BITS-1:0]   wgt_i,
    output wire                         par_read_o,
    output wire  [WORD_BITS-1:0]        par_address_o,
    output wire  [3:0]                  par_banks_o,
    input  wire  [SIZE*PAR_BITS-1:0]    par_i
);

  `include "generated/npu_isa.vh"

  localparam int ROW_BITS = $clog2(SIZE);
  localparam int REGIONS  = 3;
  localparam int ACC_ADDRESS_BITS = $clog2(ACC_WORDS);

  wire is_mac = head_i[HEADER_OPCODE_L+:HEADER_OPCODE_W] == HEADER_OPCODE_W'(OP_MAC);
  wire mac_issue    = issue_i && is_mac;
  wire vector_issue = issue_i && !is_mac;
  logic mac_q;  // the last instruction issued is a MAC

  always_ff @(posedge clk_i) begin
    if (rst_i) mac_q <= 1'b0;
    else if (issue_i) mac_q <= is_mac;
  end

  npu_operands_ex #(
      .SIZE        (SIZE),
      .UNIFORM_BITS(UNIFORM_BITS),
      .SUBSET      (SUBSET),
      .PWLQ_BITS   (PWLQ_BITS),
      .FP32_REQUANTIZER(FP32_REQUANTIZER),
      .ACT_BANKS   (ACT_BANKS),
      .WGT_BANKS   (WGT_BANKS),
      .PAR_BANKS   (PAR_BANKS)
  ) operands (
      .head_i     (head_i),
      .registers_i(registers_i),
      .operand_o  (operand_o),
      .claims_o   (claims_o)
  );

  // The two engines.

  wire mac_retire, mac_busy, mac_act_read, mac_acc_read, mac_acc_clear, mac_acc_final;
  wire [WORD_BITS-1:0] mac_act_address, mac_acc_read_address, mac_acc_write_address;
  wire [REGIONS-1:0] mac_acc_write;
  wire code_valid, code_spans, shadow_write, operand_valid, operand_first, swap;
  wire [2:0] code_shift;
  wire [ROW_BITS-1:0] shadow_row;
  wire [SIZE-1:0] operand_active;
  wire unused = &{1'b0, mac_acc_final, current_i};

  npu_mac_engine #(
      .SIZE(SIZE)
  ) mac_engine (
      .clk_i              (clk_i),
      .rst_i              (rst_i),
      .head_i             (head_i),
      .current_i          (current_i),
      .registers_i        (registers_i),
      .issue_i            (mac_issue),
      .retire_o           (mac_retire),
      .busy_o             (mac_busy),
      .act_read_o         (mac_act_read),
      .act_address_o      (mac_act_address),
      .wgt_read_o         (wgt_read_o),
      .wgt_address_o      (wgt_address_o),
      .code_valid_o       (code_valid),
      .code_shift_o       (code_shift),
      .code_spans_o       (code_spans),
      .shadow_write_o     (shadow_write),
      .shadow_row_o       (shadow_row),
      .operand_valid_o    (operand_valid),
      .operand_active_o   (operand_active),
      .operand_first_o    (operand_first),
      .swap_o             (swap),
      .acc_read_o         (mac_acc_read),
      .acc_read_address_o (mac_acc_read_address),
      .acc_clear_o        (mac_acc_clear),
      .acc_write_o        (mac_acc_write),
      .acc_write_address_o(mac_acc_write_address),
      .acc_final_o        (mac_acc_final)
  );

  wire vector_retire, vector_busy, vector_act_read, vector_acc_read, vector_acc_write;
  wire [WORD_BITS-1:0] vector_act_address, vector_acc_address, vector_write_address;
  wire par_valid, term_valid, term_from_act, tap_1, first_1, tap_2, first_2;
  wire [2:0] par_index;
  wire [1:0] term_index;

  npu_vector_engine vector_engine (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .head_i         (head_i),
      .current_i      (current_i),
      .registers_i    (registers_i),
      .issue_i        (vector_issue),
      .retire_o       (vector_retire),
      .busy_o         (vector_busy),
      .act_read_o     (vector_act_read),
      .act_address_o  (vector_act_address),
      .par_read_o     (par_read_o),
      .par_address_o  (par_address_o),
      .acc_read_o     (vector_acc_read),
      .acc_address_o  (vector_acc_address),
      .par_valid_o    (par_valid),
      .par_index_o    (par_index),
      .term_valid_o   (term_valid),
      .term_index_o   (term_index),
      .term_from_act_o(term_from_act),
      .tap_1_o        (tap_1),
      .first_1_o      (first_1),
      .tap_2_o        (tap_2),
      .first_2_o      (first_2),
      .act_write_o    (act_write_o),
      .acc_write_o    (vector_acc_write),
      .write_address_o(vector_write_address)
  );

  assign retire_o = mac_retire || vector_retire;

  // Ports.

  assign act_read_o          = mac_q ? mac_act_read : vector_act_read;
  assign act_read_address_o  = mac_q ? mac_act_address : vector_act_address;
  assign act_read_banks_o    = current_i[VEC_READ_BANKS_L+:VEC_READ_BANKS_W];
  assign act_write_address_o = vector_write_address;
  assign act_write_banks_o   = current_i[VEC_WRITE_BANKS_L+:VEC_WRITE_BANKS_W];
  assign wgt_banks_o         = current_i[MAC_WGT_BANKS_L+:MAC_WGT_BANKS_W];
  assign par_banks_o         = current_i[RQ_PAR_BANKS_L+:RQ_PAR_BANKS_W];

  wire acc_read = mac_q ? mac_acc_read : vector_acc_read;
  wire [WORD_BITS-1:0] acc_read_address = mac_q ? mac_acc_read_address : vector_acc_address;
  wire [REGIONS-1:0] acc_write = mac_q ? mac_acc_write : {{REGIONS - 1{1'b0}}, vector_acc_write};
  wire [WORD_BITS-1:0] acc_write_address = mac_q ? mac_acc_write_address : vector_write_address;
  wire acc_read_good = {1'b0, acc_read_address} < (WORD_BITS + 1)'(ACC_WORDS);
  wire acc_write_good = {1'b0, acc_write_address} < (WORD_BITS + 1)'(ACC_WORDS);

  assign address_o = (acc_read && !acc_read_good) || (acc_write[0] && !acc_write_good);

  npu_array #(
      .SIZE        (SIZE),
      .UNIFORM_BITS(UNIFORM_BITS),
      .SUBSET      (SUBSET),
      .PWLQ_BITS   (PWLQ_BITS),
      .FP32_REQUANTIZER(FP32_REQUANTIZER),
      .ACC_WORDS   (ACC_WORDS)
  ) array (
      .clk_i              (clk_i),
      .rst_i              (rst_i),
      .current_i          (current_i),
      .registers_i        (registers_i),
      .mac_busy_i         (mac_busy),
      .vector_busy_i      (vector_busy),
      .vector_start_i     (vector_issue),
      .act_i              (act_i),
      .wgt_i              (wgt_i),
      .par_i              (par_i),
      .code_valid_i       (code_valid),
      .code_shift_i       (code_shift),
      .code_spans_i       (code_spans),
      .shadow_write_i     (shadow_write),
      .shadow_row_i       (shadow_row),
      .operand_valid_i    (operand_valid),
      .operand_active_i   (operand_active),
      .operand_first_i    (operand_first),
      .swap_i             (swap),
      .acc_read_i         (acc_read && acc_read_good),
      .acc_read_address_i (acc_read_address[ACC_ADDRESS_BITS-1:0]),
      .acc_clear_i        (mac_acc_clear),
      .acc_write_i        (acc_write_good ? acc_write : REGIONS'(0)),
      .acc_write_address_i(acc_write_address[ACC_ADDRESS_BITS-1:0]),
      .par_valid_i        (par_valid),
      .par_index_i        (par_index),
      .term_valid_i       (term_valid),
      .term_index_i       (term_index),
      .term_from_act_i    (term_from_act),
      .tap_1_i            (tap_1),
      .first_1_i          (first_1),
      .tap_2_i            (tap_2),
      .first_2_i          (first_2),
      .out_o              (act_o)
  );

endmodule

`default_nettype wire
