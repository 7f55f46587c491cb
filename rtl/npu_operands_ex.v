// operands_ex: whether the machine takes the operands of MX's and of EP's head, and their banks.
//
// The complete list stands in docs/architecture.md under "operand"; in Python it is
// npusim/isa/instructions/ (rules). Of the head it is told in the same cycle. What registers alone
// decide is kept a cycle: a CFG writes them in its cycle I, and nothing issues there before I + 2.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_operands_ex #(
    parameter  int SIZE         = 4,
    parameter  int ROWS         = 4,
    parameter  int UNIFORM_BITS = 8,
    parameter  int SUBSET       = 1,
    parameter  int PWLQ_BITS    = 4,
    parameter  int LUT          = 0,
    parameter  int PWLQ_DOUBLE  = 0,
    parameter  int FP32_REQUANTIZER = 0,
    parameter  int LINE_WORDS   = 0,
    parameter  int ACT_BANKS    = 8,
    parameter  int WGT_BANKS    = 2,
    parameter  int PAR_BANKS    = 2,
    parameter  int ACC_BANKS    = 2,
    localparam int INSTRUCTION_BITS = 128,
    localparam int MX_REGISTERS     = 14,
    localparam int EP_REGISTERS     = 17,
    localparam int CLAIM_BITS       = 20
) (
    input  wire                         clk_i,

    // MX: MAC
    input  wire  [INSTRUCTION_BITS-1:0] mx_head_i,
    input  wire  [MX_REGISTERS*32-1:0]  mx_registers_i,
    output wire                         mx_operand_o,  // not legal
    output wire  [CLAIM_BITS-1:0]       mx_claims_o,

    // EP: RQ, VEC
    input  wire  [INSTRUCTION_BITS-1:0] ep_head_i,
    input  wire  [EP_REGISTERS*32-1:0]  ep_registers_i,
    output wire                         ep_operand_o,
    output wire  [CLAIM_BITS-1:0]       ep_claims_o
);

  `include "generated/npu_isa.vh"

  localparam int FORMAT_BITS = MX_R_MAC_FORMAT_FORMAT_W;
  localparam logic [2:0] ROUNDING_MOST =
      (FP32_REQUANTIZER != 0) ? 3'(ROUND_FLOAT32) : 3'(ROUND_RUY);
  localparam int SUBSET_BITS = (SUBSET != 0) ? 4 : 0;
  localparam int LUT_BITS = (LUT != 0) ? 4 : 0;
  localparam int PWLQ_DOUBLE_BITS = (PWLQ_DOUBLE != 0) ? 4 : 0;
  localparam int SLICES      = (SIZE + ROWS - 1) / ROWS;

  generate
    if (PWLQ_BITS > 7) begin : gen_bad_pwlq_bits
      npu_operands_ex_PWLQ_BITS_must_be_0_or_2_to_7 bad_parameter ();
    end
  endgenerate

  // MAC.

  wire x_none  = mx_registers_i[MX_R_MAC_X*32+:16] == '0;
  wire y_none  = mx_registers_i[MX_R_MAC_Y*32+:16] == '0;
  wire kw_none = mx_registers_i[MX_R_MAC_KW*32+:16] == '0;
  wire kh_none = mx_registers_i[MX_R_MAC_KH*32+:16] == '0;
  wire cb_none = mx_registers_i[MX_R_MAC_CB*32+:16] == '0;
  wire ob_none = mx_registers_i[MX_R_MAC_OB*32+:16] == '0;
  wire mac_none = x_none || y_none || kw_none || kh_none || cb_none || ob_none;

  wire [7:0] mac_read_banks = mx_head_i[MAC_READ_BANKS_L+:MAC_READ_BANKS_W];
  wire [3:0] wgt_banks      = mx_head_i[MAC_WGT_BANKS_L+:MAC_WGT_BANKS_W];
  wire [3:0] mac_acc_banks  = mx_head_i[MAC_ACC_BANKS_L+:MAC_ACC_BANKS_W];
  wire mac_banks_beyond = |(9'(mac_read_banks) >> ACT_BANKS) || |(5'(wgt_banks) >> WGT_BANKS) ||
      |(5'(mac_acc_banks) >> ACC_BANKS);

  wire [31:0] mac_format = mx_registers_i[MX_R_MAC_FORMAT*32+:32];
  wire [31:0] mac_tile   = mx_registers_i[MX_R_MAC_TILE*32+:32];
  wire [31:0] mac_output = mx_registers_i[MX_R_MAC_OUTPUT*32+:32];
  wire [FORMAT_BITS-1:0] format = mac_format[MX_R_MAC_FORMAT_FORMAT_L+:MX_R_MAC_FORMAT_FORMAT_W];
  wire [3:0] bits   = mac_format[MX_R_MAC_FORMAT_BITS_L+:MX_R_MAC_FORMAT_BITS_W];
  wire [5:0] slice  = mac_format[MX_R_MAC_FORMAT_SLICE_L+:MX_R_MAC_FORMAT_SLICE_W];
  wire [7:0] rows   = mac_tile[MX_R_MAC_TILE_ROWS_L+:MX_R_MAC_TILE_ROWS_W];
  wire [7:0] step   = mac_output[MX_R_MAC_OUTPUT_STEP_L+:MX_R_MAC_OUTPUT_STEP_W];
  wire unused_mx = &{1'b0, mx_head_i, mx_registers_i, mac_format, mac_tile, mac_output};

  logic [3:0] bits_most;

  always_comb begin
    case (format)
      FORMAT_BITS'(FORMAT_UNIFORM): bits_most = 4'(UNIFORM_BITS);
      FORMAT_BITS'(FORMAT_SUBSET):  bits_most = 4'(SUBSET_BITS);
      FORMAT_BITS'(FORMAT_PWLQ):    bits_most = 4'(PWLQ_BITS);
      FORMAT_BITS'(FORMAT_LUT):     bits_most = 4'(LUT_BITS);
      FORMAT_BITS'(FORMAT_PWLQ_DOUBLE): bits_most = 4'(PWLQ_DOUBLE_BITS);
      default:                      bits_most = 4'd0;
    endcase
  end

  wire [15:0] mac_x = mx_registers_i[MX_R_MAC_X*32+:16];
  logic mac_bad_q;        // whatever the head is
  logic words_meet_q;     // words of one tile lie in the same part of a bank
  logic step_none_q, window_bad_q;

  always_ff @(posedge clk_i) begin
    mac_bad_q <= mac_none || bits < 4'd2 || bits > bits_most || rows == '0 || rows > 8'(ROWS) ||
        7'(slice) >= 7'(SLICES);
    words_meet_q <= 9'(rows) > 9'(SIZE) && !mx_registers_i[MX_R_MAC_CB*32+16];
    step_none_q  <= step == '0;
    window_bad_q <= mac_x == 16'd1 || mac_x > 16'(LINE_WORDS);
  end

  wire form_bad = mx_head_i[MAC_DEPTHWISE_L]
      ? step_none_q || (mx_head_i[MAC_WINDOW_L] && window_bad_q) : words_meet_q;

  assign mx_operand_o = mac_bad_q || form_bad || mac_banks_beyond;
  assign mx_claims_o  = {mac_acc_banks, 4'h0, wgt_banks, mac_read_banks};

  // What RQ and VEC have in common.

  wire is_rq = ep_head_i[HEADER_OPCODE_L+:HEADER_OPCODE_W] == HEADER_OPCODE_W'(OP_RQ);
  wire unused_ep = &{1'b0, ep_head_i, ep_registers_i};
  wire [15:0] kx = ep_registers_i[EP_R_VEC_KX*32+:16];
  wire [15:0] ky = ep_registers_i[EP_R_VEC_KY*32+:16];
  wire none = ep_registers_i[EP_R_VEC_X*32+:16] == '0 || ep_registers_i[EP_R_VEC_Y*32+:16] == '0 ||
      ep_registers_i[EP_R_VEC_B*32+:16] == '0 || kx == '0;
  wire [7:0] read_banks  = ep_head_i[RQ_READ_BANKS_L+:RQ_READ_BANKS_W];  // RQ, VEC: one place
  wire [7:0] write_banks = ep_head_i[RQ_WRITE_BANKS_L+:RQ_WRITE_BANKS_W];
  wire [3:0] acc_banks   = ep_head_i[RQ_ACC_BANKS_L+:RQ_ACC_BANKS_W];
  wire banks_bad = |(read_banks & write_banks) || |(9'(read_banks | write_banks) >> ACT_BANKS) ||
      |(5'(acc_banks) >> ACC_BANKS);

  wire [2:0] rounding =
      ep_registers_i[EP_R_RQ_MODE*32+EP_R_RQ_MODE_ROUNDING_L+:EP_R_RQ_MODE_ROUNDING_W];
  logic none_q, rq_bad_q, ky_none_q, two_taps_q;

  always_ff @(posedge clk_i) begin
    none_q     <= none;
    rq_bad_q   <= kx > 16'(ISA_TERMS_MAX) || rounding > ROUNDING_MOST;
    ky_none_q  <= ky == '0;
    two_taps_q <= (kx == 16'd1 && ky == 16'd2) || (kx == 16'd2 && ky == 16'd1);
  end

  // RQ.

  wire [3:0] par_banks = ep_head_i[RQ_PAR_BANKS_L+:RQ_PAR_BANKS_W];
  wire rq_bad = rq_bad_q || (ep_head_i[RQ_PWLQ_L] && PWLQ_BITS == 0) ||
      |(5'(par_banks) >> PAR_BANKS);

  // VEC.

  wire [VEC_OP_W-1:0] op = ep_head_i[VEC_OP_L+:VEC_OP_W];
  wire is_pair = op == VEC_OP_W'(VEC_OP_ADD) || op == VEC_OP_W'(VEC_OP_MULTIPLY);
  wire vec_bad = ky_none_q || (is_pair && !two_taps_q);

  assign ep_operand_o = none_q || banks_bad || (is_rq ? rq_bad : vec_bad);
  assign ep_claims_o  = {acc_banks, is_rq ? par_banks : 4'h0, 4'h0, read_banks | write_banks};

endmodule

`default_nettype wire
