// sequencer: queues, tokens, bank ownership and configuration registers of LD, MX, EP, ST.
//
// Engine e = 0, 1, 2, 3 is LD, MX, EP, ST; packed vectors hold theirs side by side, LD lowest. What an
// engine sees: head_o and its verdict on it (operand_i, claims_i), prepare_o, issue_o, current_o,
// and its own retire_i. When several engines fault in a cycle, the lowest is shown.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_sequencer #(
    parameter  int LUT              = 0,  // MX has the registers of lut's levels
    localparam int ENGINES          = 4,
    localparam int INSTRUCTION_BITS = 128,
    localparam int PC_BITS          = 32,
    localparam int CLAIM_BITS       = 20,
    localparam int SIDES            = 3,
    localparam int COUNTER_BITS     = 5 * 32,
    localparam int LD_REGISTERS     = 5,
    localparam int MX_REGISTERS     = 14,
    localparam int EP_REGISTERS     = 17,
    localparam int ST_REGISTERS     = 4
) (
    input  wire                                 clk_i,
    input  wire                                 rst_i,        // reset, and every start
    input  wire                                 run_i,

    // dispatch
    input  wire  [ENGINES-1:0]                  push_i,
    input  wire  [INSTRUCTION_BITS-1:0]         instruction_i,
    input  wire  [PC_BITS-1:0]                  pc_i,
    output wire  [ENGINES-1:0]                  full_o,
    output wire                                 idle_o,       // of all engines

    // engines
    output wire  [ENGINES*INSTRUCTION_BITS-1:0] head_o,
    output wire  [ENGINES*INSTRUCTION_BITS-1:0] current_o,
    output wire  [LD_REGISTERS*32-1:0]          ld_registers_o,
    output wire  [MX_REGISTERS*32-1:0]          mx_registers_o,
    output wire  [EP_REGISTERS*32-1:0]          ep_registers_o,
    output wire  [ST_REGISTERS*32-1:0]          st_registers_o,
    output wire  [ENGINES-1:0]                  prepare_o,
    output wire  [ENGINES-1:0]                  issue_o,
    input  wire  [ENGINES-1:0]                  retire_i,
    input  wire  [ENGINES*CLAIM_BITS-1:0]       claims_i,
    input  wire  [ENGINES-1:0]                  operand_i,
    input  wire  [ENGINES-1:0]                  address_i,
    input  wire  [ENGINES-1:0]                  axi_i,

    // end and counters
    output wire                                 fault_o,
    output wire  [7:0]                          cause_o,
    output wire  [2:0]                          engine_o,     // place in ENGINES of the spec
    output wire  [PC_BITS-1:0]                  pc_o,
    output wire  [ENGINES*COUNTER_BITS-1:0]     counters_o
);

  `include "generated/npu_isa.vh"

  wire [ENGINES-1:0] idle, attempt, conflict, fault;
  wire [ENGINES-1:0] overflow;
  wire [ENGINES*SIDES-1:0] has, take, signal;
  wire [ENGINES*CLAIM_BITS-1:0] running;

  assign idle_o = &idle;

  npu_tokens tokens (
      .clk_i     (clk_i),
      .rst_i     (rst_i),
      .take_i    (take),
      .signal_i  (signal),
      .has_o     (has),
      .overflow_o(overflow)
  );

  npu_ownership ownership (
      .attempt_i (attempt),
      .head_i    (claims_i),
      .running_i (running),
      .conflict_o(conflict)
  );

  genvar e;
  generate
    for (e = 0; e < ENGINES; e = e + 1) begin : engine
      localparam int REGISTERS = (e == 0) ? LD_REGISTERS : (e == 1) ? MX_REGISTERS :
          (e == 2) ? EP_REGISTERS : ST_REGISTERS;
      localparam int BUILT = (e == 1 && LUT == 0) ? MX_R_LUT_LEVELS0 : REGISTERS;

      // What the tracer reads, beside the outputs.
      wire configure, started, retired, stall;
      wire [2:0] stall_cause;
      wire [31:0] stall_cycles;
      wire [PC_BITS-1:0] head_pc, pc, fault_pc;
      wire [7:0] cause;
      wire busy;
      wire [REGISTERS*32-1:0] registers;
      wire unused = &{1'b0, started, retired, stall, stall_cause, stall_cycles, head_pc, pc, busy};

      npu_issue issue (
          .clk_i         (clk_i),
          .rst_i         (rst_i),
          .run_i         (run_i),
          .push_i        (push_i[e]),
          .instruction_i (instruction_i),
          .pc_i          (pc_i),
          .full_o        (full_o[e]),
          .idle_o        (idle[e]),
          .head_o        (head_o[e*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
          .current_o     (current_o[e*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
          .prepare_o     (prepare_o[e]),
          .issue_o       (issue_o[e]),
          .configure_o   (configure),
          .retire_i      (retire_i[e]),
          .has_i         (has[e*SIDES+:SIDES]),
          .take_o        (take[e*SIDES+:SIDES]),
          .signal_o      (signal[e*SIDES+:SIDES]),
          .overflow_i    (overflow[e]),
          .claims_i      (claims_i[e*CLAIM_BITS+:CLAIM_BITS]),
          .attempt_o     (attempt[e]),
          .busy_o        (busy),
          .claims_o      (running[e*CLAIM_BITS+:CLAIM_BITS]),
          .conflict_i    (conflict[e]),
          .operand_i     (operand_i[e]),
          .address_i     (address_i[e]),
          .axi_i         (axi_i[e]),
          .fault_o       (fault[e]),
          .cause_o       (cause),
          .fault_pc_o    (fault_pc),
          .started_o     (started),
          .retired_o     (retired),
          .head_pc_o     (head_pc),
          .pc_o          (pc),
          .stall_o       (stall),
          .stall_cause_o (stall_cause),
          .stall_cycles_o(stall_cycles),
          .counters_o    (counters_o[e*COUNTER_BITS+:COUNTER_BITS])
      );

      npu_registers #(
          .COUNT(BUILT)
      ) register_file (
          .clk_i      (clk_i),
          .rst_i      (rst_i),
          .configure_i(configure),
          .cfg_i      (head_o[e*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
          .registers_o(registers[BUILT*32-1:0])
      );

      if (BUILT < REGISTERS) begin : gen_absent
        assign registers[REGISTERS*32-1:BUILT*32] = '0;
      end
    end
  endgenerate

  assign ld_registers_o = engine[0].registers;
  assign mx_registers_o = engine[1].registers;
  assign ep_registers_o = engine[2].registers;
  assign st_registers_o = engine[3].registers;

  assign fault_o  = |fault;
  assign cause_o  = fault[0] ? engine[0].cause : fault[1] ? engine[1].cause :
      fault[2] ? engine[2].cause : engine[3].cause;
  assign engine_o = fault[0] ? 3'(ENGINE_LD) : fault[1] ? 3'(ENGINE_MX) :
      fault[2] ? 3'(ENGINE_EP) : 3'(ENGINE_ST);
  assign pc_o     = fault[0] ? engine[0].fault_pc : fault[1] ? engine[1].fault_pc :
      fault[2] ? engine[2].fault_pc : engine[3].fault_pc;

endmodule

`default_nettype wire
