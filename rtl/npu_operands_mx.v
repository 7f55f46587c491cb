// operands_mx: whether the machine takes the operands of a MAC, and the banks it names.
//
// The complete list stands in docs/architecture.md under "operand"; in Python it is
// npusim/isa/instructions/mac.py (rules). Combinational.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_operands_mx #(
    parameter  int SIZE         = 4,
    parameter  int UNIFORM_BITS = 8,
    parameter  int SUBSET       = 1,
    parameter  int PWLQ_BITS    = 4,
    parameter  int ACT_BANKS    = 8,
    parameter  int WGT_BANKS    = 2,
    parameter  int ACC_BANKS    = 2,
    localparam int INSTRUCTION_BITS = 128,
    localparam int REGISTERS        = 10,
    localparam int CLAIM_BITS       = 20
) (
    input  wire  [INSTRUCTION_BITS-1:0] head_i,
    input  wire  [REGISTERS*32-1:0]     registers_i,
    output wire                         operand_o,    // not legal
    output wire  [CLAIM_BITS-1:0]       claims_o
);

  `include "generated/npu_isa.vh"

  localparam int SUBSET_BITS = (SUBSET != 0) ? 4 : 0;

  generate
    if (PWLQ_BITS > 7) begin : gen_bad_pwlq_bits
      npu_operands_mx_PWLQ_BITS_must_be_0_or_2_to_7 bad_parameter ();
    end
  endgenerate

  wire x_none  = registers_i[MX_R_MAC_X*32+:16] == '0;
  wire y_none  = registers_i[MX_R_MAC_Y*32+:16] == '0;
  wire kw_none = registers_i[MX_R_MAC_KW*32+:16] == '0;
  wire kh_none = registers_i[MX_R_MAC_KH*32+:16] == '0;
  wire cb_none = registers_i[MX_R_MAC_CB*32+:16] == '0;
  wire ob_none = registers_i[MX_R_MAC_OB*32+:16] == '0;
  wire none = x_none || y_none || kw_none || kh_none || cb_none || ob_none;

  wire [7:0] read_banks = head_i[MAC_READ_BANKS_L+:MAC_READ_BANKS_W];
  wire [3:0] wgt_banks  = head_i[MAC_WGT_BANKS_L+:MAC_WGT_BANKS_W];
  wire [3:0] acc_banks  = head_i[MAC_ACC_BANKS_L+:MAC_ACC_BANKS_W];
  wire banks_beyond = |(9'(read_banks) >> ACT_BANKS) || |(5'(wgt_banks) >> WGT_BANKS) ||
      |(5'(acc_banks) >> ACC_BANKS);

  wire [31:0] mac_format = registers_i[MX_R_MAC_FORMAT*32+:32];
  wire [31:0] mac_tile   = registers_i[MX_R_MAC_TILE*32+:32];
  wire [31:0] mac_output = registers_i[MX_R_MAC_OUTPUT*32+:32];
  wire [1:0] format = mac_format[MX_R_MAC_FORMAT_FORMAT_L+:MX_R_MAC_FORMAT_FORMAT_W];
  wire [3:0] bits   = mac_format[MX_R_MAC_FORMAT_BITS_L+:MX_R_MAC_FORMAT_BITS_W];
  wire [7:0] rows   = mac_tile[MX_R_MAC_TILE_ROWS_L+:MX_R_MAC_TILE_ROWS_W];
  wire [7:0] step   = mac_output[MX_R_MAC_OUTPUT_STEP_L+:MX_R_MAC_OUTPUT_STEP_W];
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

  assign operand_o = none || bits < 4'd2 || bits > bits_most || rows == '0 || rows > 8'(SIZE) ||
      (head_i[MAC_DEPTHWISE_L] && step == '0) || banks_beyond;
  assign claims_o  = {acc_banks, 4'h0, wgt_banks, read_banks};

endmodule

`default_nettype wire
