// issue: the queue of one engine, the condition to issue, and what the engine does each cycle.
//
//   I = first cycle with the instruction at the head, the engine free and the awaited tokens there
//   R = cycle of retire_i (of CFG: I + 1);  the engine is free again from R + 1 on
//   P = first cycle with the instruction at the head and the engine free;  P <= I
//
// A CFG is carried out here; the other instructions are the engine's, which takes the operands from
// head_o in cycle P (prepare_o), begins in cycle I (issue_o), and may read them from current_o until
// R. So what is slow to tell, whether it issues, decides over few registers.
//
// A cycle in which the engine neither runs nor issues has one cause: fetch (nothing at the head),
// prev (the awaited token of the previous engine is missing), across, next. Adjacent cycles of one
// cause are one stall; it is counted, and shown at stall_o, in the cycle after its last.
//
// Faults: operand and bank in cycle I instead of issue; address, axi, token in cycle R instead of
// retire. Law: docs/architecture.md, section 4

`default_nettype none

module npu_issue #(
    localparam int INSTRUCTION_BITS = 128,
    localparam int PC_BITS          = 32,
    localparam int CLAIM_BITS       = 20,
    localparam int SIDES            = 3,  // prev, across, next
    localparam int COUNTERS         = 5
) (
    input  wire                         clk_i,
    input  wire                         rst_i,         // reset, and every start of a program
    input  wire                         run_i,         // a program runs and has not ended

    // from dispatch
    input  wire                         push_i,
    input  wire  [INSTRUCTION_BITS-1:0] instruction_i,
    input  wire  [PC_BITS-1:0]          pc_i,
    output wire                         full_o,
    output wire                         idle_o,        // queue empty, nothing runs

    // instruction at the head, and the one that runs
    output wire  [INSTRUCTION_BITS-1:0] head_o,
    output logic [INSTRUCTION_BITS-1:0] current_o,     // P + 1 .. R
    output wire                         prepare_o,     // P of an instruction that is not CFG
    output wire                         issue_o,       // I of an instruction that is not CFG
    output wire                         configure_o,   // I of a CFG
    input  wire                         retire_i,      // R of an instruction that is not CFG

    // tokens
    input  wire  [SIDES-1:0]            has_i,         // a token of the engine there has come
    output wire  [SIDES-1:0]            take_o,
    output wire  [SIDES-1:0]            signal_o,
    input  wire                         overflow_i,    // a signal of this cycle finds TOKEN_MAX

    // bank ownership
    input  wire  [CLAIM_BITS-1:0]       claims_i,      // banks that the head names, if no CFG
    output wire                         attempt_o,     // 0 of a CFG; banks and operands aside
    output logic                        busy_o,        // I + 1 .. R
    output logic [CLAIM_BITS-1:0]       claims_o,      // banks of the one that runs, else none
    input  wire                         conflict_i,    // banks that it names are another engine's

    // faults
    input  wire                         operand_i,     // the head's operands are not legal
    input  wire                         address_i,     // something was touched that may not be
    input  wire                         axi_i,         // an access was answered with an error
    output wire                         fault_o,
    output logic [7:0]                  cause_o,       // place in FAULTS
    output wire  [PC_BITS-1:0]          fault_pc_o,

    // trace and counters
    output wire                         started_o,     // I, CFG too, no fault
    output wire                         retired_o,     // R, no fault
    output wire  [PC_BITS-1:0]          head_pc_o,
    output logic [PC_BITS-1:0]          pc_o,
    output wire                         stall_o,
    output wire  [2:0]                  stall_cause_o, // 1 fetch, 2 prev, 3 across, 4 next
    output wire  [31:0]                 stall_cycles_o,
    output logic [COUNTERS*32-1:0]      counters_o     // busy, stalls by fetch, prev, across, next
);

  `include "generated/npu_isa.vh"

  localparam logic [2:0] NONE   = 3'd0;
  localparam logic [2:0] FETCH  = 3'd1;
  localparam logic [2:0] PREV   = 3'd2;
  localparam logic [2:0] ACROSS = 3'd3;
  localparam logic [2:0] NEXT   = 3'd4;

  wire head_valid;
  wire attempt;  // a CFG's too

  npu_queue #(
      .WIDTH(INSTRUCTION_BITS + PC_BITS),
      .DEPTH(ISA_QUEUE_DEPTH)
  ) queue (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .push_i (push_i),
      .data_i ({pc_i, instruction_i}),
      .full_o (full_o),
      .valid_o(head_valid),
      .head_o ({head_pc_o, head_o}),
      .pop_i  (attempt)
  );

  // Issue.

  wire [SIDES-1:0] awaits = {head_o[HEADER_WAIT_NEXT_L], head_o[HEADER_WAIT_ACROSS_L],
                             head_o[HEADER_WAIT_PREV_L]};
  wire [SIDES-1:0] lacks  = awaits & ~has_i;
  wire lacks_prev   = lacks[0];
  wire lacks_across = lacks[1];
  wire is_cfg = head_o[HEADER_OPCODE_L+:HEADER_OPCODE_W] == HEADER_OPCODE_W'(OP_CFG);

  // A CFG has no operands and claims no bank.
  assign attempt     = run_i && !busy_o && head_valid && lacks == '0;
  assign attempt_o   = attempt && !is_cfg;
  assign take_o      = attempt ? awaits : '0;

  wire operand = attempt_o && operand_i;
  wire bank    = attempt_o && conflict_i;

  assign issue_o     = attempt_o && !operand_i && !conflict_i;
  assign configure_o = attempt && is_cfg;
  assign started_o   = issue_o || configure_o;

  logic cfg_q;
  wire ends = busy_o && run_i && (cfg_q || retire_i);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      busy_o   <= 1'b0;
      cfg_q    <= 1'b0;
      claims_o <= '0;
    end else if (started_o) begin
      busy_o   <= 1'b1;
      cfg_q    <= is_cfg;
      claims_o <= is_cfg ? '0 : claims_i;
    end else if (ends) begin
      busy_o   <= 1'b0;
      cfg_q    <= 1'b0;
      claims_o <= '0;
    end
  end

  logic prepared_q;  // what stands at the head
  wire prepare = head_valid && !busy_o && !prepared_q;

  assign prepare_o = prepare && !is_cfg;

  always_ff @(posedge clk_i) begin
    if (rst_i || attempt) prepared_q <= 1'b0;
    else if (prepare) prepared_q <= 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) current_o <= '0;
    else if (prepare) current_o <= head_o;
    if (prepare) pc_o <= head_pc_o;
  end

  // Retirement. Signals of an instruction that faults change nothing that could still be seen.

  assign signal_o = ends ? {current_o[HEADER_SIGNAL_NEXT_L], current_o[HEADER_SIGNAL_ACROSS_L],
                            current_o[HEADER_SIGNAL_PREV_L]} : '0;

  logic address_q, axi_q;  // since I

  always_ff @(posedge clk_i) begin
    if (rst_i || started_o) {address_q, axi_q} <= '0;
    else begin
      if (address_i) address_q <= 1'b1;
      if (axi_i) axi_q <= 1'b1;
    end
  end

  wire address = ends && address_q;
  wire axi     = ends && axi_q;
  wire token   = ends && overflow_i;

  assign retired_o  = ends && !address && !axi && !token;
  assign fault_o    = operand || bank || address || axi || token;
  assign fault_pc_o = ends ? pc_o : head_pc_o;

  always_comb begin
    if (operand) cause_o = 8'(FAULT_OPERAND);
    else if (bank) cause_o = 8'(FAULT_BANK);
    else if (address) cause_o = 8'(FAULT_ADDRESS);
    else if (axi) cause_o = 8'(FAULT_AXI);
    else if (token) cause_o = 8'(FAULT_TOKEN);
    else cause_o = 8'(FAULT_NONE);
  end

  // Causes of waiting.

  logic [2:0] cause;
  logic [2:0] cause_q;
  logic [31:0] length_q;

  always_comb begin
    if (!run_i || busy_o || attempt) cause = NONE;
    else if (!head_valid) cause = FETCH;
    else if (lacks_prev) cause = PREV;
    else if (lacks_across) cause = ACROSS;
    else cause = NEXT;
  end

  assign stall_o        = run_i && cause_q != NONE && cause != cause_q;
  assign stall_cause_o  = cause_q;
  assign stall_cycles_o = length_q;
  assign idle_o         = !head_valid && !busy_o;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      cause_q  <= NONE;
      length_q <= '0;
    end else if (run_i) begin
      cause_q  <= cause;
      length_q <= (cause == cause_q) ? length_q + 1'b1 : 32'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) counters_o <= '0;
    else if (run_i) begin
      if (busy_o || started_o) counters_o[31:0] <= counters_o[31:0] + 1'b1;
      if (stall_o) begin
        case (cause_q)
          FETCH:   counters_o[32+:32] <= counters_o[32+:32] + length_q;
          PREV:    counters_o[64+:32] <= counters_o[64+:32] + length_q;
          ACROSS:  counters_o[96+:32] <= counters_o[96+:32] + length_q;
          default: counters_o[128+:32] <= counters_o[128+:32] + length_q;
        endcase
      end
    end
  end

endmodule

`default_nettype wire
