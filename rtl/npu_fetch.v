// fetch: reads the program, dispatches one instruction a cycle, executes FENCE and HALT.
//
// Bursts of 8 instructions go into 2 slots; burst k may be asked for when burst k - 2 has been
// dispatched. An instruction is dispatched from the cycle after its last beat on, in order, into the
// queue of its engine, which must have a place.
//
//   FENCE, HALT: issued when dispatched; retired in the first later cycle in which every queue is
//                empty and every engine idle. Dispatch goes on one cycle later, after HALT never.
//
// Faults, in the cycle of dispatch: opcode (no such instruction for that engine, or the program's
// end has been passed), axi (a beat of the instruction came with an error).
//
// Law: docs/architecture.md, sections 4 and 5

`default_nettype none

module npu_fetch #(
    parameter  int BUS_BYTES = 4,  // 4, 8 or 16
    localparam int ADDRESS_BITS     = 32,
    localparam int PC_BITS          = 32,
    localparam int INSTRUCTION_BITS = 128,
    localparam int ENGINES          = 4
) (
    input  wire                         clk_i,
    input  wire                         rst_i,        // reset, and every start of a program
    input  wire                         run_i,        // a program runs and has not ended
    output wire                         port_idle_o,  // no beat is on its way

    input  wire  [ADDRESS_BITS-1:0]     base_i,       // byte address, multiple of 128
    input  wire  [PC_BITS-1:0]          length_i,     // instructions

    // AXI read port
    output logic [ADDRESS_BITS-1:0]     araddr_o,
    output logic [7:0]                  arlen_o,
    output logic                        arvalid_o,
    input  wire                         arready_i,
    input  wire  [BUS_BYTES*8-1:0]      rdata_i,
    input  wire  [1:0]                  rresp_i,
    input  wire                         rvalid_i,
    output wire                         rready_o,

    // dispatch
    input  wire  [ENGINES-1:0]          full_i,       // queues of LD, MX, EP, ST
    input  wire                         all_idle_i,   // queues empty, nothing runs
    output wire  [ENGINES-1:0]          push_o,
    output wire  [INSTRUCTION_BITS-1:0] instruction_o,
    output wire  [PC_BITS-1:0]          pc_o,

    // FENCE and HALT, faults
    output wire                         issue_o,
    output wire                         retire_o,
    output wire  [PC_BITS-1:0]          event_pc_o,
    output wire                         halt_o,       // R of HALT
    output wire  [15:0]                 halt_code_o,
    output wire                         fault_o,
    output wire  [7:0]                  cause_o
);

  `include "generated/npu_isa.vh"

  localparam int BURST      = ISA_FETCH_BURST_INSTRUCTIONS;
  localparam int BURST_BITS = $clog2(BURST);
  localparam int ENTRIES    = BURST * ISA_FETCH_SLOTS;
  localparam int ENTRY_BITS = $clog2(ENTRIES);
  localparam int BEATS      = INSTRUCTION_BITS / (BUS_BYTES * 8);  // of an instruction
  localparam int BEAT_BITS  = $clog2(BEATS);
  localparam int OPEN_BITS  = ENTRY_BITS + BEAT_BITS + 1;
  localparam int BURST_BYTES = BURST * INSTRUCTION_BITS / 8;

  generate
    if (BUS_BYTES != 4 && BUS_BYTES != 8 && BUS_BYTES != 16) begin : gen_bad_bus_bytes
      npu_fetch_BUS_BYTES_must_be_4_8_or_16 bad_parameter ();
    end
  endgenerate

  // Requests.

  logic [PC_BITS-1:0] pc_q;      // next instruction to dispatch
  logic [PC_BITS-1:0] asked_q;   // instructions asked for, in whole bursts

  wire [PC_BITS-1:0] left = length_i - asked_q;
  wire [PC_BITS-1:0] oldest = {pc_q[PC_BITS-1:BURST_BITS], {BURST_BITS{1'b0}}};
  wire slot_free = asked_q - oldest < PC_BITS'(ENTRIES);
  wire short = left < PC_BITS'(BURST);
  wire [BURST_BITS:0] wanted = short ? left[BURST_BITS:0] : (BURST_BITS + 1)'(BURST);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      arvalid_o <= 1'b0;
      asked_q   <= '0;
      araddr_o  <= base_i;
    end else if (arvalid_o) begin
      if (arready_i) begin
        arvalid_o <= 1'b0;
        asked_q   <= asked_q + PC_BITS'(BURST);
        araddr_o  <= araddr_o + ADDRESS_BITS'(BURST_BYTES);
      end
    end else begin
      arvalid_o <= run_i && asked_q < length_i && slot_free;
      arlen_o   <= 8'(wanted) * 8'(BEATS) - 1'b1;
    end
  end

  // Beats, always welcome: their slot is free since they were asked for.

  logic [ENTRY_BITS+BEAT_BITS-1:0] beat_q;  // place of the next
  logic [OPEN_BITS-1:0]            open_q;  // asked for, and did not come yet
  logic [ENTRY_BITS:0]             here_q;  // instructions that came and are not dispatched
  logic [INSTRUCTION_BITS-1:0]     word_q[ENTRIES];
  logic [ENTRIES-1:0]              bad_q;

  wire [ENTRY_BITS-1:0] entry = beat_q[ENTRY_BITS+BEAT_BITS-1:BEAT_BITS];
  wire whole;  // an instruction is, with this beat
  wire taken;  // one is dispatched
  wire [OPEN_BITS-1:0] asked =
      (arvalid_o && arready_i) ? OPEN_BITS'(arlen_o) + 1'b1 : OPEN_BITS'(0);

  assign rready_o    = 1'b1;
  assign port_idle_o = !arvalid_o && open_q == '0;

  generate
    if (BEATS == 1) begin : gen_whole
      assign whole = rvalid_i;
      always_ff @(posedge clk_i) if (rvalid_i) word_q[entry] <= rdata_i;
    end else begin : gen_beats
      wire [BEAT_BITS-1:0] part = beat_q[BEAT_BITS-1:0];
      assign whole = rvalid_i && (&part);
      always_ff @(posedge clk_i) begin
        if (rvalid_i) word_q[entry][part*(BUS_BYTES*8)+:BUS_BYTES*8] <= rdata_i;
      end
    end
  endgenerate

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      beat_q <= '0;
      open_q <= '0;
      here_q <= '0;
      bad_q  <= '0;
    end else begin
      if (rvalid_i) begin
        beat_q <= beat_q + 1'b1;
        if (|rresp_i) bad_q[entry] <= 1'b1;  // the run ends here: nobody clears it
      end
      open_q <= open_q + asked - {{OPEN_BITS - 1{1'b0}}, rvalid_i};
      here_q <= here_q + {{ENTRY_BITS{1'b0}}, whole} - {{ENTRY_BITS{1'b0}}, taken};
    end
  end

  // Dispatch.

  logic fence_q, halt_q;
  logic [PC_BITS-1:0] fence_pc_q;
  logic [15:0] halt_code_q;

  wire [ENTRY_BITS-1:0] next = pc_q[ENTRY_BITS-1:0];
  wire [INSTRUCTION_BITS-1:0] word = word_q[next];
  wire [HEADER_OPCODE_W-1:0] opcode = word[HEADER_OPCODE_L+:HEADER_OPCODE_W];
  wire [HEADER_ENGINE_W-1:0] engine = word[HEADER_ENGINE_L+:HEADER_ENGINE_W];

  wire here  = run_i && !fence_q && here_q != '0;
  wire past  = run_i && !fence_q && here_q == '0 && pc_q == length_i;
  wire is_fence = opcode == HEADER_OPCODE_W'(OP_FENCE);
  wire is_halt  = opcode == HEADER_OPCODE_W'(OP_HALT);
  wire bad   = bad_q[next];

  wire queued = engine >= HEADER_ENGINE_W'(ENGINE_LD) && engine <= HEADER_ENGINE_W'(ENGINE_ST);
  logic legal;

  always_comb begin
    case (opcode)
      HEADER_OPCODE_W'(OP_CFG):   legal = queued;
      HEADER_OPCODE_W'(OP_LD):    legal = engine == HEADER_ENGINE_W'(ENGINE_LD);
      HEADER_OPCODE_W'(OP_ST):    legal = engine == HEADER_ENGINE_W'(ENGINE_ST);
      HEADER_OPCODE_W'(OP_MAC):   legal = engine == HEADER_ENGINE_W'(ENGINE_MX);
      HEADER_OPCODE_W'(OP_RQ):    legal = engine == HEADER_ENGINE_W'(ENGINE_EP);
      HEADER_OPCODE_W'(OP_VEC):   legal = engine == HEADER_ENGINE_W'(ENGINE_EP);
      HEADER_OPCODE_W'(OP_FENCE): legal = engine == HEADER_ENGINE_W'(ENGINE_FETCH);
      HEADER_OPCODE_W'(OP_HALT):  legal = engine == HEADER_ENGINE_W'(ENGINE_FETCH);
      default:                    legal = 1'b0;
    endcase
  end

  wire good    = here && legal && !bad;
  wire waits   = good && (is_fence || is_halt);
  wire to_ld   = good && engine == HEADER_ENGINE_W'(ENGINE_LD);
  wire to_mx   = good && engine == HEADER_ENGINE_W'(ENGINE_MX);
  wire to_ep   = good && engine == HEADER_ENGINE_W'(ENGINE_EP);
  wire to_st   = good && engine == HEADER_ENGINE_W'(ENGINE_ST);

  assign push_o        = {to_st, to_ep, to_mx, to_ld} & ~full_i;
  assign taken         = |push_o || waits;
  assign instruction_o = word;
  assign pc_o          = pc_q;
  assign issue_o       = waits;
  assign retire_o      = run_i && fence_q && all_idle_i;
  assign halt_o        = retire_o && halt_q;
  assign halt_code_o   = halt_code_q;
  assign event_pc_o    = fence_q ? fence_pc_q : pc_q;
  assign fault_o       = past || (here && (bad || !legal));
  assign cause_o       = (here && bad) ? 8'(FAULT_AXI) : 8'(FAULT_OPCODE);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      pc_q    <= '0;
      fence_q <= 1'b0;
      halt_q  <= 1'b0;
    end else begin
      if (taken) pc_q <= pc_q + 1'b1;
      if (waits) begin
        fence_q     <= 1'b1;
        halt_q      <= is_halt;
        fence_pc_q  <= pc_q;
        halt_code_q <= word[HALT_CODE_L+:HALT_CODE_W];
      end else if (retire_o) fence_q <= 1'b0;
    end
  end

endmodule

`default_nettype wire
