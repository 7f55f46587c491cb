// sequencer: queues, tokens, bank ownership and configuration registers of LD, EX and ST.
//
// Engine e = 0, 1, 2 is LD, EX, ST; packed vectors hold theirs side by side, LD lowest. What an
// engine sees: head_o and its verdict on it (operand_i, claims_i), issue_o, current_o, and its own
// retire_i. When several engines fault in a cycle, the lowest is shown.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_sequencer #(
    localparam int ENGINES          = 3,
    localparam int INSTRUCTION_BITS = 128,
    localparam int PC_BITS          = 32,
    localparam int CLAIM_BITS       = 16,
    localparam int COUNTER_BITS     = 4 * 32,
    localparam int LD_REGISTERS     = 5,
    localparam int EX_REGISTERS     = 27,
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
    output wire  [EX_REGISTERS*32-1:0]          ex_registers_o,
    output wire  [ST_REGISTERS*32-1:0]          st_registers_o,
    output wire  [ENGINES-1:0]                  issue_o,
    input  wire  [ENGINES-1:0]                  retire_i,
    input  wire  [ENGINES*CLAIM_BITS-1:0]       claims_i,
    input  wire  [ENGINES-1:0]                  operand_i,
    input  wire  [ENGINES-1:0]                  address_i,
    input  wire  [ENGINES-1:0]                  axi_i,

    // end and counters
    output wire                                 fault_o,
    output wire  [7:0]                          cause_o,
    output wire  [1:0]                          engine_o,     // place in ENGINES of the spec
    output wire  [PC_BITS-1:0]                  pc_o,
    output wire  [ENGINES*COUNTER_BITS-1:0]     counters_o
);

  `include "generated/npu_isa.vh"

  wire [ENGINES-1:0] idle, attempt, conflict, fault;
  wire [ENGINES-1:0] has_prev, has_next, take_prev, take_next, signal_prev, signal_next, overflow;
  wire [ENGINES*CLAIM_BITS-1:0] coming, running;

  assign idle_o = &idle;

  npu_tokens tokens (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .take_prev_i  (take_prev),
      .take_next_i  (take_next),
      .signal_prev_i(signal_prev),
      .signal_next_i(signal_next),
      .has_prev_o   (has_prev),
      .has_next_o   (has_next),
      .overflow_o   (overflow)
  );

  npu_ownership ownership (
      .attempt_i (attempt),
      .head_i    (coming),
      .running_i (running),
      .conflict_o(conflict)
  );

  genvar e;
  generate
    for (e = 0; e < ENGINES; e = e + 1) begin : engine
      localparam int REGISTERS = (e == 0) ? LD_REGISTERS : (e == 1) ? EX_REGISTERS : ST_REGISTERS;

      // What the tracer reads, beside the outputs.
      wire configure, started, retired, stall;
      wire [1:0] stall_cause;
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
          .issue_o       (issue_o[e]),
          .configure_o   (configure),
          .retire_i      (retire_i[e]),
          .has_prev_i    (has_prev[e]),
          .has_next_i    (has_next[e]),
          .take_prev_o   (take_prev[e]),
          .take_next_o   (take_next[e]),
          .signal_prev_o (signal_prev[e]),
          .signal_next_o (signal_next[e]),
          .overflow_i    (overflow[e]),
          .claims_i      (claims_i[e*CLAIM_BITS+:CLAIM_BITS]),
          .head_claims_o (coming[e*CLAIM_BITS+:CLAIM_BITS]),
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
          .COUNT(REGISTERS)
      ) register_file (
          .clk_i      (clk_i),
          .rst_i      (rst_i),
          .configure_i(configure),
          .cfg_i      (head_o[e*INSTRUCTION_BITS+:INSTRUCTION_BITS]),
          .registers_o(registers)
      );
    end
  endgenerate

  assign ld_registers_o = engine[0].registers;
  assign ex_registers_o = engine[1].registers;
  assign st_registers_o = engine[2].registers;

  assign fault_o  = |fault;
  assign cause_o  = fault[0] ? engine[0].cause : fault[1] ? engine[1].cause : engine[2].cause;
  assign engine_o = fault[0] ? 2'(ENGINE_LD) : fault[1] ? 2'(ENGINE_EX) : 2'(ENGINE_ST);
  assign pc_o = fault[0] ? engine[0].fault_pc : fault[1] ? engine[1].fault_pc : engine[2].fault_pc;

endmodule

`default_nettype wire
