// operands_ep: whether the machine takes the operands of a RQ or VEC, and the banks it names.
//
// The complete list stands in docs/architecture.md under "operand"; in Python it is
// npusim/isa/instructions/ (rules of rq.py and vec.py). Combinational.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_operands_ep #(
    parameter  int PWLQ_BITS    = 4,
    parameter  int FP32_REQUANTIZER = 0,
    parameter  int ACT_BANKS    = 8,
    parameter  int PAR_BANKS    = 2,
    parameter  int ACC_BANKS    = 2,
    localparam int INSTRUCTION_BITS = 128,
    localparam int REGISTERS        = 17,
    localparam int CLAIM_BITS       = 20
) (
    input  wire  [INSTRUCTION_BITS-1:0] head_i,
    input  wire  [REGISTERS*32-1:0]     registers_i,
    output wire                         operand_o,    // not legal
    output wire  [CLAIM_BITS-1:0]       claims_o
);

  `include "generated/npu_isa.vh"

  localparam logic [2:0] ROUNDING_MOST =
      (FP32_REQUANTIZER != 0) ? 3'(ROUND_FLOAT32) : 3'(ROUND_RUY);

  wire is_rq = head_i[HEADER_OPCODE_L+:HEADER_OPCODE_W] == HEADER_OPCODE_W'(OP_RQ);
  wire unused = &{1'b0, head_i, registers_i};

  // What both have in common.

  wire [15:0] kx = registers_i[EP_R_VEC_KX*32+:16];
  wire [15:0] ky = registers_i[EP_R_VEC_KY*32+:16];
  wire none = registers_i[EP_R_VEC_X*32+:16] == '0 || registers_i[EP_R_VEC_Y*32+:16] == '0 ||
      registers_i[EP_R_VEC_B*32+:16] == '0 || kx == '0;
  wire [7:0] read_banks  = head_i[RQ_READ_BANKS_L+:RQ_READ_BANKS_W];  // RQ, VEC: one place
  wire [7:0] write_banks = head_i[RQ_WRITE_BANKS_L+:RQ_WRITE_BANKS_W];
  wire [3:0] acc_banks   = head_i[RQ_ACC_BANKS_L+:RQ_ACC_BANKS_W];
  wire banks_bad = |(read_banks & write_banks) || |(9'(read_banks | write_banks) >> ACT_BANKS) ||
      |(5'(acc_banks) >> ACC_BANKS);

  // RQ.

  wire [2:0] rounding =
      registers_i[EP_R_RQ_MODE*32+EP_R_RQ_MODE_ROUNDING_L+:EP_R_RQ_MODE_ROUNDING_W];
  wire [3:0] par_banks = head_i[RQ_PAR_BANKS_L+:RQ_PAR_BANKS_W];
  wire rq_bad = kx > 16'(ISA_TERMS_MAX) || rounding > ROUNDING_MOST ||
      (head_i[RQ_PWLQ_L] && PWLQ_BITS == 0) || |(5'(par_banks) >> PAR_BANKS);

  // VEC.

  wire [VEC_OP_W-1:0] op = head_i[VEC_OP_L+:VEC_OP_W];
  wire two_taps = (kx == 16'd1 && ky == 16'd2) || (kx == 16'd2 && ky == 16'd1);
  wire is_pair = op == VEC_OP_W'(VEC_OP_ADD) || op == VEC_OP_W'(VEC_OP_MULTIPLY);
  wire vec_bad = ky == '0 || (is_pair && !two_taps);

  assign operand_o = none || banks_bad || (is_rq ? rq_bad : vec_bad);
  assign claims_o  = {acc_banks, is_rq ? par_banks : 4'h0, 4'h0, read_banks | write_banks};

endmodule

`default_nettype wire
