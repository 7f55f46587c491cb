// system: the NPU with the deterministic memory, a host that starts one program, and the tracers.
//
// Plus arguments: lfsr, seed, latency, outstanding, size (of the memory), dump_words, cycles_most, and
// those of npu_host. Files in the working directory: image.hex is read; trace.txt (section 6),
// result.txt (npu_host) and dump.hex are written.
//
// Law: docs/architecture.md, sections 5 to 7. Simulation only.

`default_nettype none

module npu_system #(
    `include "generated/npu_parameters.vh"
    parameter int MEMORY_BYTES   = 65536
) (
    input  wire  clk_i,
    input  wire  rst_i,
    output wire  done_o
);

  `include "generated/npu_isa.vh"

  localparam int DATA_BITS = 8 * BUS_BYTES;
  localparam int FETCH_BYTES = BUS_BYTES < 16 ? BUS_BYTES : 16;
  localparam int FETCH_BITS = 8 * FETCH_BYTES;

  // Settings.

  integer found, trace;
  logic [31:0] latency, outstanding, size, dump_words, cycles_most;
  logic [15:0] seed;
  logic lfsr;

  initial begin
    found = $value$plusargs("latency=%d", latency);
    found = found + $value$plusargs("outstanding=%d", outstanding);
    found = found + $value$plusargs("size=%d", size);
    found = found + $value$plusargs("dump_words=%d", dump_words);
    found = found + $value$plusargs("cycles_most=%d", cycles_most);
    found = found + $value$plusargs("seed=%d", seed);
    found = found + $value$plusargs("lfsr=%d", lfsr);
    if (found != 7) begin
      $display("npu_system: expected 7 plus arguments, found %0d", found);
      $fatal;
    end
    trace = $fopen("trace.txt", "w");
  end

  // The machine and its memory.

  wire [7:0] lite_awaddr, lite_araddr;
  wire lite_awvalid, lite_awready, lite_wvalid, lite_wready, lite_bvalid;
  wire lite_arvalid, lite_arready, lite_rvalid;
  wire [31:0] lite_wdata, lite_rdata;
  wire [3:0] lite_wstrb;
  wire [1:0] lite_bresp, lite_rresp;
  wire lite_ready, irq, running, beyond, ended;

  wire [31:0] fetch_araddr, ld_araddr, st_awaddr;
  wire [7:0] fetch_arlen, ld_arlen, st_awlen;
  wire [FETCH_BITS-1:0] fetch_rdata;
  wire [DATA_BITS-1:0] ld_rdata, st_wdata;
  wire [1:0] fetch_rresp, ld_rresp, st_bresp;
  wire fetch_arvalid, fetch_arready, fetch_rvalid, fetch_rready;
  wire ld_arvalid, ld_arready, ld_rvalid, ld_rready;
  wire st_awvalid, st_awready, st_wlast, st_wvalid, st_wready, st_bvalid, st_bready;

  npu_top #(
      `include "generated/npu_parameters_pass.vh"
  ) npu (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .lite_awaddr_i  (lite_awaddr),
      .lite_awvalid_i (lite_awvalid),
      .lite_awready_o (lite_awready),
      .lite_wdata_i   (lite_wdata),
      .lite_wstrb_i   (lite_wstrb),
      .lite_wvalid_i  (lite_wvalid),
      .lite_wready_o  (lite_wready),
      .lite_bresp_o   (lite_bresp),
      .lite_bvalid_o  (lite_bvalid),
      .lite_bready_i  (lite_ready),
      .lite_araddr_i  (lite_araddr),
      .lite_arvalid_i (lite_arvalid),
      .lite_arready_o (lite_arready),
      .lite_rdata_o   (lite_rdata),
      .lite_rresp_o   (lite_rresp),
      .lite_rvalid_o  (lite_rvalid),
      .lite_rready_i  (lite_ready),
      .irq_o          (irq),
      .running_o      (running),
      .fetch_araddr_o (fetch_araddr),
      .fetch_arlen_o  (fetch_arlen),
      .fetch_arvalid_o(fetch_arvalid),
      .fetch_arready_i(fetch_arready),
      .fetch_rdata_i  (fetch_rdata),
      .fetch_rresp_i  (fetch_rresp),
      .fetch_rvalid_i (fetch_rvalid),
      .fetch_rready_o (fetch_rready),
      .ld_araddr_o    (ld_araddr),
      .ld_arlen_o     (ld_arlen),
      .ld_arvalid_o   (ld_arvalid),
      .ld_arready_i   (ld_arready),
      .ld_rdata_i     (ld_rdata),
      .ld_rresp_i     (ld_rresp),
      .ld_rvalid_i    (ld_rvalid),
      .ld_rready_o    (ld_rready),
      .st_awaddr_o    (st_awaddr),
      .st_awlen_o     (st_awlen),
      .st_awvalid_o   (st_awvalid),
      .st_awready_i   (st_awready),
      .st_wdata_o     (st_wdata),
      .st_wlast_o     (st_wlast),
      .st_wvalid_o    (st_wvalid),
      .st_wready_i    (st_wready),
      .st_bresp_i     (st_bresp),
      .st_bvalid_i    (st_bvalid),
      .st_bready_o    (st_bready)
  );

  npu_memory #(
      .BUS_BYTES(BUS_BYTES),
      .BYTES    (MEMORY_BYTES)
  ) memory (
      .clk_i          (clk_i),
      .rst_i          (rst_i || !running),
      .lfsr_i         (lfsr),
      .seed_i         (seed),
      .latency_i      (latency),
      .outstanding_i  (outstanding),
      .size_i         (size),
      .dump_i         (ended),
      .dump_words_i   (dump_words),
      .beyond_o       (beyond),
      .fetch_araddr_i (fetch_araddr),
      .fetch_arlen_i  (fetch_arlen),
      .fetch_arvalid_i(fetch_arvalid),
      .fetch_arready_o(fetch_arready),
      .fetch_rdata_o  (fetch_rdata),
      .fetch_rresp_o  (fetch_rresp),
      .fetch_rvalid_o (fetch_rvalid),
      .fetch_rready_i (fetch_rready),
      .ld_araddr_i    (ld_araddr),
      .ld_arlen_i     (ld_arlen),
      .ld_arvalid_i   (ld_arvalid),
      .ld_arready_o   (ld_arready),
      .ld_rdata_o     (ld_rdata),
      .ld_rresp_o     (ld_rresp),
      .ld_rvalid_o    (ld_rvalid),
      .ld_rready_i    (ld_rready),
      .st_awaddr_i    (st_awaddr),
      .st_awlen_i     (st_awlen),
      .st_awvalid_i   (st_awvalid),
      .st_awready_o   (st_awready),
      .st_wdata_i     (st_wdata),
      .st_wlast_i     (st_wlast),
      .st_wvalid_i    (st_wvalid),
      .st_wready_o    (st_wready),
      .st_bresp_o     (st_bresp),
      .st_bvalid_o    (st_bvalid),
      .st_bready_i    (st_bready)
  );

  npu_axi_rules #(
      .NAME       ("FETCH"),
      .BUS_BYTES  (FETCH_BYTES),
      .BURST_BEATS(128 / FETCH_BYTES)
  ) fetch_rules (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .address_i(fetch_araddr),
      .length_i (fetch_arlen),
      .valid_i  (fetch_arvalid),
      .ready_i  (fetch_arready),
      .wdata_i  (FETCH_BITS'(0)),
      .wlast_i  (1'b0),
      .wvalid_i (1'b0),
      .wready_i (1'b0)
  );

  npu_axi_rules #(
      .NAME       ("LD"),
      .BUS_BYTES  (BUS_BYTES),
      .BURST_BEATS(BURST_BEATS)
  ) ld_rules (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .address_i(ld_araddr),
      .length_i (ld_arlen),
      .valid_i  (ld_arvalid),
      .ready_i  (ld_arready),
      .wdata_i  (DATA_BITS'(0)),
      .wlast_i  (1'b0),
      .wvalid_i (1'b0),
      .wready_i (1'b0)
  );

  npu_axi_rules #(
      .NAME       ("ST"),
      .BUS_BYTES  (BUS_BYTES),
      .BURST_BEATS(BURST_BEATS)
  ) st_rules (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .address_i(st_awaddr),
      .length_i (st_awlen),
      .valid_i  (st_awvalid),
      .ready_i  (st_awready),
      .wdata_i  (st_wdata),
      .wlast_i  (st_wlast),
      .wvalid_i (st_wvalid),
      .wready_i (st_wready)
  );

  npu_host host (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .awaddr_o (lite_awaddr),
      .awvalid_o(lite_awvalid),
      .awready_i(lite_awready),
      .wdata_o  (lite_wdata),
      .wstrb_o  (lite_wstrb),
      .wvalid_o (lite_wvalid),
      .wready_i (lite_wready),
      .bresp_i  (lite_bresp),
      .bvalid_i (lite_bvalid),
      .araddr_o (lite_araddr),
      .arvalid_o(lite_arvalid),
      .arready_i(lite_arready),
      .rdata_i  (lite_rdata),
      .rresp_i  (lite_rresp),
      .rvalid_i (lite_rvalid),
      .ready_o  (lite_ready),
      .irq_i    (irq),
      .ended_o  (ended),
      .done_o   (done_o)
  );

  localparam int HOST_CYCLES = 4096;  // more than the host's accesses take
  logic [31:0] waited_q;              // cycles since the reset: a machine may never start
  wire run = npu.run && !rst_i;  // registers may begin with anything: nothing happens in a reset
  always @(posedge clk_i) begin
    if (!rst_i && beyond) begin
      $display("npu_system: an access beyond %0d bytes", MEMORY_BYTES);
      $finish;
    end
    waited_q <= rst_i ? 0 : waited_q + 1;
    if (!rst_i &&
        ((run && npu.cycle >= cycles_most) || waited_q >= cycles_most + HOST_CYCLES)) begin
      $display("npu_system: still running after %0d cycles", cycles_most);
      $finish;
    end
    if (!rst_i && done_o) begin
      $fclose(trace);
      $finish;
    end
  end

  // Events of FETCH, which writes nothing.

  npu_tracer #(
      .NAME      ("FETCH"),
      .DATA_BYTES(1)
  ) fetch_tracer (
      .clk_i(clk_i), .file_i(trace), .run_i(run), .cycle_i(npu.cycle),
      .started_i     (npu.fetch_issue),
      .configure_i   (1'b0),
      .head_i        (128'h0),
      .head_pc_i     (npu.fetch_event_pc),
      .retired_i     (npu.fetch_retire),
      .pc_i          (npu.fetch_event_pc),
      .stall_i       (1'b0),
      .stall_cause_i (3'd0),
      .stall_cycles_i(0),
      .fault_i       (npu.fetch_fault),
      .cause_i       (npu.fetch_cause),
      .fault_pc_i    (npu.fetch_event_pc),
      .write_i       (1'b0),
      .space_i       (8'h0),
      .address_i     (0),
      .write_bytes_i (0),
      .data_i        (8'h0)
  );

  // Events of the engines.

  npu_tracer #(
      .NAME      ("LD"),
      .DATA_BYTES(4 * SIZE)
  ) ld_tracer (
      .clk_i(clk_i), .file_i(trace), .run_i(run), .cycle_i(npu.cycle),
      .started_i     (npu.sequencer.engine[0].started),
      .configure_i   (npu.sequencer.engine[0].configure),
      .head_i        (npu.head[0*128+:128]),
      .head_pc_i     (npu.sequencer.engine[0].head_pc),
      .retired_i     (npu.sequencer.engine[0].retired),
      .pc_i          (npu.sequencer.engine[0].pc),
      .stall_i       (npu.sequencer.engine[0].stall),
      .stall_cause_i (npu.sequencer.engine[0].stall_cause),
      .stall_cycles_i(npu.sequencer.engine[0].stall_cycles),
      .fault_i       (npu.sequencer.fault[0]),
      .cause_i       (npu.sequencer.engine[0].cause),
      .fault_pc_i    (npu.sequencer.engine[0].fault_pc),
      .write_i       (|npu.ld_write),
      .space_i       (npu.ld_write[TARGET_PAR] ? 8'(SPACE_PAR) :
                      npu.ld_write[TARGET_WGT] ? 8'(SPACE_WGT) : 8'(SPACE_ACT)),
      .address_i     (32'(npu.ld_address)),
      .write_bytes_i (npu.ld_write[TARGET_PAR] ? 4 * SIZE : SIZE),
      .data_i        (npu.ld_data)
  );

  // Of a MAC's accumulators only those of the last reduction tile count, region by region.
  localparam int MX_BYTES = 4 * SIZE * 3;

  npu_tracer #(
      .NAME      ("MX"),
      .DATA_BYTES(MX_BYTES)
  ) mx_tracer (
      .clk_i(clk_i), .file_i(trace), .run_i(run), .cycle_i(npu.cycle),
      .started_i     (npu.sequencer.engine[1].started),
      .configure_i   (npu.sequencer.engine[1].configure),
      .head_i        (npu.head[1*128+:128]),
      .head_pc_i     (npu.sequencer.engine[1].head_pc),
      .retired_i     (npu.sequencer.engine[1].retired),
      .pc_i          (npu.sequencer.engine[1].pc),
      .stall_i       (npu.sequencer.engine[1].stall),
      .stall_cause_i (npu.sequencer.engine[1].stall_cause),
      .stall_cycles_i(npu.sequencer.engine[1].stall_cycles),
      .fault_i       (npu.sequencer.fault[1]),
      .cause_i       (npu.sequencer.engine[1].cause),
      .fault_pc_i    (npu.sequencer.engine[1].fault_pc),
      .write_i       (npu.ex.mac_acc_write[0] && npu.ex.mac_acc_final),
      .space_i       (8'(SPACE_ACC)),
      .address_i     (32'(npu.ex.mac_acc_write_address)),
      .write_bytes_i (npu.ex.mac_acc_write[1] ? MX_BYTES : 4 * SIZE),
      .data_i        (npu.ex.mx_more)
  );

  // EP writes ACT words (RQ, VEC), reads the table's, or writes accumulators.
  wire to_table = npu.ex.array.tap_3_i && npu.ex.array.is_table_q;
  wire to_acc   = npu.ex.vector_acc_write;

  npu_tracer #(
      .NAME      ("EP"),
      .DATA_BYTES(4 * SIZE)
  ) ep_tracer (
      .clk_i(clk_i), .file_i(trace), .run_i(run), .cycle_i(npu.cycle),
      .started_i     (npu.sequencer.engine[2].started),
      .configure_i   (npu.sequencer.engine[2].configure),
      .head_i        (npu.head[2*128+:128]),
      .head_pc_i     (npu.sequencer.engine[2].head_pc),
      .retired_i     (npu.sequencer.engine[2].retired),
      .pc_i          (npu.sequencer.engine[2].pc),
      .stall_i       (npu.sequencer.engine[2].stall),
      .stall_cause_i (npu.sequencer.engine[2].stall_cause),
      .stall_cycles_i(npu.sequencer.engine[2].stall_cycles),
      .fault_i       (npu.sequencer.fault[2]),
      .cause_i       (npu.sequencer.engine[2].cause),
      .fault_pc_i    (npu.sequencer.engine[2].fault_pc),
      .write_i       (npu.ep_act_write || to_table || to_acc),
      .space_i       (to_acc ? 8'(SPACE_ACC) : to_table ? 8'(SPACE_TABLE) : 8'(SPACE_ACT)),
      .address_i     (to_table ? 32'(npu.ex.array.place_q) : 32'(npu.ep_write_address)),
      .write_bytes_i (to_acc ? 4 * SIZE : SIZE),
      .data_i        (to_acc ? npu.ex.ep_more :
                      (4*SIZE*8)'(to_table ? npu.ex.array.operand_q : npu.ep_out))
  );

  // A burst's beats follow the acceptance of its address.
  logic [31:0] beat_address_q;
  always @(posedge clk_i) begin
    if (st_awvalid && st_awready) beat_address_q <= st_awaddr;
    else if (st_wvalid && st_wready) beat_address_q <= beat_address_q + BUS_BYTES;
  end

  npu_tracer #(
      .NAME      ("ST"),
      .DATA_BYTES(BUS_BYTES)
  ) st_tracer (
      .clk_i(clk_i), .file_i(trace), .run_i(run), .cycle_i(npu.cycle),
      .started_i     (npu.sequencer.engine[3].started),
      .configure_i   (npu.sequencer.engine[3].configure),
      .head_i        (npu.head[3*128+:128]),
      .head_pc_i     (npu.sequencer.engine[3].head_pc),
      .retired_i     (npu.sequencer.engine[3].retired),
      .pc_i          (npu.sequencer.engine[3].pc),
      .stall_i       (npu.sequencer.engine[3].stall),
      .stall_cause_i (npu.sequencer.engine[3].stall_cause),
      .stall_cycles_i(npu.sequencer.engine[3].stall_cycles),
      .fault_i       (npu.sequencer.fault[3]),
      .cause_i       (npu.sequencer.engine[3].cause),
      .fault_pc_i    (npu.sequencer.engine[3].fault_pc),
      .write_i       (st_wvalid && st_wready),
      .space_i       (8'(SPACE_DRAM)),
      .address_i     (beat_address_q),
      .write_bytes_i (BUS_BYTES),
      .data_i        (st_wdata)
  );

endmodule

`default_nettype wire
