// operands_ex: whether the machine takes the operands of a MAC, RQ or VEC, and the banks it names.
//
// The complete list stands in docs/architecture.md under "operand"; in Python it is
// npusim/isa/instructions/ (rules). Combinational.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_operands_ex #(
    parameter  int SIZE         = 4,
    parameter  int UNIFORM_BITS = 8,
    parameter  int SUBSET       = 1,
    parameter  int PWLQ_BITS    = 4,
    parameter  int FP32_REQUANTIZER = 0,
    parameter  int ACT_BANKS    = 8,
    parameter  int WGT_BANKS    = 2,
    parameter  int PAR_BANKS    = 2,
    localparam int INSTRUCTION_BITS = 128,
    localparam int REGISTERS        = 27,
    localparam int CLAIM_BITS       = 16
) (
    input  wire  [INSTRUCTION_BITS-1:0] head_i,
    input  wire  [REGISTERS*32-1:0]     registers_i,
    output wire                         operand_o,    // not legal
    output wire  [CLAIM_BITS-1:0]       claims_o
);

  `include "generated/npu_isa.vh"

  localparam logic [2:0] ROUNDING_MOST =
      (FP32_REQUANTIZER != 0) ? 3'(ROUND_FLOAT32) : 3'(ROUND_RUY);
  localparam int SUBSET_BITS = (SUBSET != 0) ? 4 : 0;

  generate
    if (PWLQ_BITS > 7) begin : gen_bad_pwlq_bits
      npu_operands_ex_PWLQ_BITS_must_be_0_or_2_to_7 bad_parameter ();
    end
  endgenerate

  wire [HEADER_OPCODE_W-1:0] opcode = head_i[HEADER_OPCODE_L+:HEADER_OPCODE_W];
  wire is_mac = opcode == HEADER_OPCODE_W'(OP_MAC);
  wire is_rq  = opcode == HEADER_OPCODE_W'(OP_RQ);

  // Loop counts.

  wire mac_x_none  = registers_i[EX_R_MAC_X*32+:16] == '0;
  wire mac_y_none  = registers_i[EX_R_MAC_Y*32+:16] == '0;
  wire mac_kw_none = registers_i[EX_R_MAC_KW*32+:16] == '0;
  wire mac_kh_none = registers_i[EX_R_MAC_KH*32+:16] == '0;
  wire mac_cb_none = registers_i[EX_R_MAC_CB*32+:16] == '0;
  wire mac_ob_none = registers_i[EX_R_MAC_OB*32+:16] == '0;
  wire [15:0] kx = registers_i[EX_R_VEC_KX*32+:16];
  wire [15:0] ky = registers_i[EX_R_VEC_KY*32+:16];
  wire vec_none = registers_i[EX_R_VEC_X*32+:16] == '0 || registers_i[EX_R_VEC_Y*32+:16] == '0 ||
      registers_i[EX_R_VEC_B*32+:16] == '0 || kx == '0;

  // ACT banks of RQ and VEC.

  wire [7:0] read_banks  = head_i[RQ_READ_BANKS_L+:RQ_READ_BANKS_W];  // MAC, RQ, VEC: one place
  wire [7:0] write_banks = head_i[RQ_WRITE_BANKS_L+:RQ_WRITE_BANKS_W];
  wire read_beyond  = |(9'(read_banks) >> ACT_BANKS);
  wire write_beyond = |(9'(write_banks) >> ACT_BANKS);
  wire act_bad = |(read_banks & write_banks) || read_beyond || write_beyond;

  // MAC.

  wire [31:0] mac_format = registers_i[EX_R_MAC_FORMAT*32+:32];
  wire [31:0] mac_tile   = registers_i[EX_R_MAC_TILE*32+:32];
  wire [31:0] mac_output = registers_i[EX_R_MAC_OUTPUT*32+:32];
  wire [1:0] format = mac_format[EX_R_MAC_FORMAT_FORMAT_L+:EX_R_MAC_FORMAT_FORMAT_W];
  wire [3:0] bits   = mac_format[EX_R_MAC_FORMAT_BITS_L+:EX_R_MAC_FORMAT_BITS_W];
  wire [7:0] rows   = mac_tile[EX_R_MAC_TILE_ROWS_L+:EX_R_MAC_TILE_ROWS_W];
  wire [7:0] step   = mac_output[EX_R_MAC_OUTPUT_STEP_L+:EX_R_MAC_OUTPUT_STEP_W];
  wire [3:0] wgt_banks = head_i[MAC_WGT_BANKS_L+:MAC_WGT_BANKS_W];
  wire unused = &{1'b0, head_i, registers_i, mac_format, mac_tile, mac_output};

  logic [3:0] bits_most;

  always_comb begin
    case (format)
      2'(FORMAT_UNIFORM): bits_most = 4'(UNIFORM_BITS);
      2'(FORMAT_SUBSET):  bits_most = 4'(SUBSET_BITS);
      2'(FORMAT_PWLQ):    bits_most = 4'(PWLQ_BITS);
      default:            bits_most = 4'd0;
    endcase
  end

  wire mac_bad = mac_x_none || mac_y_none || mac_kw_none || mac_kh_none || mac_cb_none ||
      mac_ob_none || bits < 4'd2 || bits > bits_most || rows == '0 || rows > 8'(SIZE) ||
      (head_i[MAC_DEPTHWISE_L] && step == '0) || read_beyond || |(5'(wgt_banks) >> WGT_BANKS);

  // RQ.

  wire [2:0] rounding =
      registers_i[EX_R_RQ_MODE*32+EX_R_RQ_MODE_ROUNDING_L+:EX_R_RQ_MODE_ROUNDING_W];
  wire [3:0] par_banks = head_i[RQ_PAR_BANKS_L+:RQ_PAR_BANKS_W];
  wire rq_bad = vec_none || kx > 16'(ISA_TERMS_MAX) || rounding > ROUNDING_MOST ||
      (head_i[RQ_PWLQ_L] && PWLQ_BITS == 0) || act_bad || |(5'(par_banks) >> PAR_BANKS);

  // VEC.

  wire [VEC_OP_W-1:0] op = head_i[VEC_OP_L+:VEC_OP_W];
  wire two_taps = (kx == 16'd1 && ky == 16'd2) || (kx == 16'd2 && ky == 16'd1);
  wire is_pair = op == VEC_OP_W'(VEC_OP_ADD) || op == VEC_OP_W'(VEC_OP_MULTIPLY);
  wire vec_bad = vec_none || ky == '0 || (is_pair && !two_taps) || act_bad;

  assign operand_o = is_mac ? mac_bad : is_rq ? rq_bad : vec_bad;
  assign claims_o  = {is_rq ? par_banks : 4'h0, is_mac ? wgt_banks : 4'h0,
                      is_mac ? read_banks : read_banks | write_banks};

endmodule

`default_nettype wire
