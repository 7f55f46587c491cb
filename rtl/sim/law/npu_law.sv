// law: assertions that are bound to the machine while programs run in simulation.
//
//   tokens     none is taken that is not there; one too many is a fault
//   ownership  no bank belongs to two engines that run
//   queues     nothing goes into a full one or leaves an empty one
//   banks      no word is read in the cycle that writes it: block RAMs need not agree on its value
//   a fault    ends the run with its cycle
//   AXI        valid and its payload stay until ready; wlast is the last beat's, and no other's;
//              no answer without a burst
//
// Law: docs/architecture.md, sections 2, 4 and 5. Simulation only, for Verilator (`bind`).

`default_nettype none

`define NPU_LAW(NAME, PROPERTY, WHAT) \
  NAME: assert property (@(posedge clk_i) disable iff (rst_i) PROPERTY) \
  else begin \
    $display("npu_law: %s", WHAT); \
    $fatal; \
  end

module npu_queue_law (
    input wire clk_i,
    input wire rst_i,
    input wire push_i,
    input wire full_o,
    input wire pop_i,
    input wire valid_o
);
  `NPU_LAW(no_push_when_full, !(push_i && full_o), "an instruction goes into a full queue")
  `NPU_LAW(no_pop_when_empty, !(pop_i && !valid_o), "an instruction leaves an empty queue")
endmodule

module npu_bank_law #(
    parameter int ADDRESS_BITS = 4
) (
    input wire                    clk_i,
    input wire                    read_i,
    input wire [ADDRESS_BITS-1:0] read_address_i,
    input wire                    write_i,
    input wire [ADDRESS_BITS-1:0] write_address_i
);
  wire rst_i = 1'b0;  // a bank has none
  `NPU_LAW(no_race, !(read_i && write_i && read_address_i == write_address_i),
      "a word is read in the cycle that writes it")
endmodule

module npu_sequencer_law #(
    localparam int ENGINES    = 4,
    localparam int SIDES      = 3,
    localparam int CLAIM_BITS = 20
) (
    input wire                          clk_i,
    input wire                          rst_i,
    input wire                          run_i,
    input wire [ENGINES*SIDES-1:0]      take,
    input wire [ENGINES*SIDES-1:0]      has,
    input wire [ENGINES-1:0]            overflow,
    input wire [ENGINES-1:0]            fault,
    input wire [ENGINES*CLAIM_BITS-1:0] running
);
  `NPU_LAW(taken_is_there, (take & ~has) == '0, "a token is taken that is not there")
  `NPU_LAW(too_many_fault, (overflow & ~fault) == '0, "a token too many is no fault")
  `NPU_LAW(fault_ends_run, |fault && run_i |=> !run_i, "a run goes on after a fault")

  for (genvar a = 0; a < ENGINES; a = a + 1) begin : gen_engine
    for (genvar b = a + 1; b < ENGINES; b = b + 1) begin : gen_other
      `NPU_LAW(own_banks,
          (running[a*CLAIM_BITS+:CLAIM_BITS] & running[b*CLAIM_BITS+:CLAIM_BITS]) == '0,
          "a bank belongs to two engines")
    end
  end
endmodule

module npu_axi_law #(
    parameter int DATA_BITS  = 32,
    parameter int FETCH_BITS = 32   // as of npu_top; nothing here reads it
) (
    input wire                 clk_i,
    input wire                 rst_i,
    input wire [31:0]          fetch_araddr_o,
    input wire [7:0]           fetch_arlen_o,
    input wire                 fetch_arvalid_o,
    input wire                 fetch_arready_i,
    input wire [31:0]          ld_araddr_o,
    input wire [7:0]           ld_arlen_o,
    input wire                 ld_arvalid_o,
    input wire                 ld_arready_i,
    input wire [31:0]          st_awaddr_o,
    input wire [7:0]           st_awlen_o,
    input wire                 st_awvalid_o,
    input wire                 st_awready_i,
    input wire [DATA_BITS-1:0] st_wdata_o,
    input wire                 st_wlast_o,
    input wire                 st_wvalid_o,
    input wire                 st_wready_i,
    input wire                 st_bvalid_i,
    input wire                 st_bready_o
);
  `NPU_LAW(fetch_waits,
      fetch_arvalid_o && !fetch_arready_i |=>
      fetch_arvalid_o && $stable({fetch_araddr_o, fetch_arlen_o}), "FETCH: AR does not wait")
  `NPU_LAW(ld_waits,
      ld_arvalid_o && !ld_arready_i |=> ld_arvalid_o && $stable({ld_araddr_o, ld_arlen_o}),
      "LD: AR does not wait")
  `NPU_LAW(st_waits,
      st_awvalid_o && !st_awready_i |=> st_awvalid_o && $stable({st_awaddr_o, st_awlen_o}),
      "ST: AW does not wait")
  `NPU_LAW(beat_waits,
      st_wvalid_o && !st_wready_i |=> st_wvalid_o && $stable({st_wdata_o, st_wlast_o}),
      "ST: W does not wait")

  logic [8:0] left_q;   // beats of the burst whose address was taken last
  logic [31:0] open_q;  // bursts sent in full and not yet answered
  wire beat   = st_wvalid_o && st_wready_i;
  wire answer = st_bvalid_i && st_bready_o;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      left_q <= '0;
      open_q <= '0;
    end else begin
      if (st_awvalid_o && st_awready_i) left_q <= {1'b0, st_awlen_o} + 1'b1;
      else if (beat) left_q <= left_q - 1'b1;
      open_q <= open_q + 32'(beat && st_wlast_o) - 32'(answer);
    end
  end

  `NPU_LAW(last_is_last, beat |-> left_q != '0 && st_wlast_o == (left_q == 9'd1),
      "ST: wlast is not the last beat's")
  `NPU_LAW(answer_of_a_burst, answer |-> open_q != '0, "ST: an answer without a burst")
endmodule

bind npu_bank npu_bank_law #(.ADDRESS_BITS(ADDRESS_BITS)) law (.*);
bind npu_queue npu_queue_law law (.*);
bind npu_sequencer npu_sequencer_law law (.*);
bind npu_top npu_axi_law #(.DATA_BITS(DATA_BITS), .FETCH_BITS(FETCH_BITS)) law (.*);

`default_nettype wire
