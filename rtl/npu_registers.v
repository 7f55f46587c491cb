// registers: the configuration registers of one engine.
//
//   CFG: register[index + i] = value_i, i = 0, 1, 2; places without a register are ignored
//
// Written at the end of cycle I of the CFG; 0 after every start.
// Law: docs/architecture.md, section 2

`default_nettype none

module npu_registers #(
    parameter  int COUNT = 4,  // 1..63
    localparam int INSTRUCTION_BITS = 128
) (
    input  wire                         clk_i,
    input  wire                         rst_i,

    input  wire                         configure_i,
    input  wire  [INSTRUCTION_BITS-1:0] cfg_i,

    output logic [COUNT*32-1:0]         registers_o   // register 0 in the lowest bits
);

  `include "generated/npu_isa.vh"

  generate
    if (COUNT < 1 || COUNT > 63) begin : gen_bad_count
      npu_registers_COUNT_must_be_1_to_63 bad_parameter ();
    end
  endgenerate

  wire unused = &{1'b0, cfg_i};
  wire [CFG_INDEX_W:0] index = {1'b0, cfg_i[CFG_INDEX_L+:CFG_INDEX_W]};

  always_ff @(posedge clk_i) begin
    if (rst_i) registers_o <= '0;
    else if (configure_i) begin
      for (int i = 0; i < COUNT; i = i + 1) begin
        if (index == (CFG_INDEX_W + 1)'(i))
          registers_o[i*32+:32] <= cfg_i[CFG_VALUE0_L+:CFG_VALUE0_W];
        if (index + 1'b1 == (CFG_INDEX_W + 1)'(i))
          registers_o[i*32+:32] <= cfg_i[CFG_VALUE1_L+:CFG_VALUE1_W];
        if (index + (CFG_INDEX_W + 1)'(2) == (CFG_INDEX_W + 1)'(i))
          registers_o[i*32+:32] <= cfg_i[CFG_VALUE2_L+:CFG_VALUE2_W];
      end
    end
  end

endmodule

`default_nettype wire
