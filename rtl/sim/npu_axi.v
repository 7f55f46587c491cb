// axi: the NPU under the names that AXI benches look for, with AXI's constant signals.
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_axi #(
    `include "generated/npu_parameters.vh"
    localparam int DATA_BITS      = 8 * BUS_BYTES,
    localparam int FETCH_BYTES    = BUS_BYTES < 16 ? BUS_BYTES : 16,
    localparam int FETCH_BITS     = 8 * FETCH_BYTES
) (
    input  wire                   clk,
    input  wire                   rst,

    input  wire  [7:0]           lite_awaddr,
    input  wire  [2:0]           lite_awprot,
    input  wire                   lite_awvalid,
    output wire                   lite_awready,
    input  wire  [31:0]          lite_wdata,
    input  wire  [3:0]           lite_wstrb,
    input  wire                   lite_wvalid,
    output wire                   lite_wready,
    output wire  [1:0]           lite_bresp,
    output wire                   lite_bvalid,
    input  wire                   lite_bready,
    input  wire  [7:0]           lite_araddr,
    input  wire  [2:0]           lite_arprot,
    input  wire                   lite_arvalid,
    output wire                   lite_arready,
    output wire  [31:0]          lite_rdata,
    output wire  [1:0]           lite_rresp,
    output wire                   lite_rvalid,
    input  wire                   lite_rready,
    output wire                   irq,
    output wire                   running,
    output wire  [0:0]           fetch_arid,
    output wire  [31:0]          fetch_araddr,
    output wire  [7:0]           fetch_arlen,
    output wire  [2:0]           fetch_arsize,
    output wire  [1:0]           fetch_arburst,
    output wire                   fetch_arvalid,
    input  wire                   fetch_arready,
    input  wire  [0:0]           fetch_rid,
    input  wire  [FETCH_BITS-1:0] fetch_rdata,
    input  wire  [1:0]           fetch_rresp,
    input  wire                   fetch_rlast,
    input  wire                   fetch_rvalid,
    output wire                   fetch_rready,
    output wire  [0:0]           ld_arid,
    output wire  [31:0]          ld_araddr,
    output wire  [7:0]           ld_arlen,
    output wire  [2:0]           ld_arsize,
    output wire  [1:0]           ld_arburst,
    output wire                   ld_arvalid,
    input  wire                   ld_arready,
    input  wire  [0:0]           ld_rid,
    input  wire  [DATA_BITS-1:0] ld_rdata,
    input  wire  [1:0]           ld_rresp,
    input  wire                   ld_rlast,
    input  wire                   ld_rvalid,
    output wire                   ld_rready,
    output wire  [0:0]           st_awid,
    output wire  [31:0]          st_awaddr,
    output wire  [7:0]           st_awlen,
    output wire  [2:0]           st_awsize,
    output wire  [1:0]           st_awburst,
    output wire                   st_awvalid,
    input  wire                   st_awready,
    output wire  [DATA_BITS-1:0] st_wdata,
    output wire  [BUS_BYTES-1:0] st_wstrb,
    output wire                   st_wlast,
    output wire                   st_wvalid,
    input  wire                   st_wready,
    input  wire  [0:0]           st_bid,
    input  wire  [1:0]           st_bresp,
    input  wire                   st_bvalid,
    output wire                   st_bready
);

  localparam int FETCH_BEATS = 128 / FETCH_BYTES;

  assign fetch_arid = 1'b0;
  assign fetch_arsize = 3'($clog2(FETCH_BYTES));
  assign fetch_arburst = 2'b01;
  assign ld_arid = 1'b0;
  assign ld_arsize = 3'($clog2(BUS_BYTES));
  assign ld_arburst = 2'b01;
  assign st_awid = 1'b0;
  assign st_awsize = 3'($clog2(BUS_BYTES));
  assign st_awburst = 2'b01;
  assign st_wstrb = '1;

  wire unused = &{1'b0, lite_awprot, lite_arprot, fetch_rid, fetch_rlast, ld_rid, ld_rlast, st_bid};

  npu_top #(
      `include "generated/npu_parameters_pass.vh"
  ) npu (
      .clk_i          (clk),
      .rst_i          (rst),
      .lite_awaddr_i  (lite_awaddr),
      .lite_awvalid_i (lite_awvalid),
      .lite_awready_o (lite_awready),
      .lite_wdata_i   (lite_wdata),
      .lite_wstrb_i   (lite_wstrb),
      .lite_wvalid_i  (lite_wvalid),
      .lite_wready_o  (lite_wready),
      .lite_bresp_o   (lite_bresp),
      .lite_bvalid_o  (lite_bvalid),
      .lite_bready_i  (lite_bready),
      .lite_araddr_i  (lite_araddr),
      .lite_arvalid_i (lite_arvalid),
      .lite_arready_o (lite_arready),
      .lite_rdata_o   (lite_rdata),
      .lite_rresp_o   (lite_rresp),
      .lite_rvalid_o  (lite_rvalid),
      .lite_rready_i  (lite_rready),
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

  npu_axi_rules #(
      .NAME       ("FETCH"),
      .BUS_BYTES  (FETCH_BYTES),
      .BURST_BEATS(FETCH_BEATS)
  ) fetch_rules (
      .clk_i    (clk),
      .rst_i    (rst),
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
      .clk_i    (clk),
      .rst_i    (rst),
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
      .clk_i    (clk),
      .rst_i    (rst),
      .address_i(st_awaddr),
      .length_i (st_awlen),
      .valid_i  (st_awvalid),
      .ready_i  (st_awready),
      .wdata_i  (st_wdata),
      .wlast_i  (st_wlast),
      .wvalid_i (st_wvalid),
      .wready_i (st_wready)
  );

endmodule

`default_nettype wire
