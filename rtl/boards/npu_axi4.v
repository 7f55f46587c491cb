// axi4: npu_top with every signal of AXI4, under the names by which vendors' tools find interfaces.
//
//   bursts are INCR, of whole beats, in order, with ID 0; normal memory, neither cached nor buffered;
//   answers are accepted by their order alone
//
// Law: docs/architecture.md, section 5

`default_nettype none

module npu_axi4 #(
    `include "generated/npu_parameters.vh"
    localparam int DATA_BITS   = 8 * BUS_BYTES,
    localparam int FETCH_BYTES = BUS_BYTES < 16 ? BUS_BYTES : 16,
    localparam int FETCH_BITS  = 8 * FETCH_BYTES
) (
    input  wire                   aclk,
    input  wire                   aresetn,
    output wire                   irq,
    output wire                   running,

    // AXI4-Lite: control registers
    input  wire [7:0]             s_axi_control_awaddr,
    input  wire [2:0]             s_axi_control_awprot,
    input  wire                   s_axi_control_awvalid,
    output wire                   s_axi_control_awready,
    input  wire [31:0]            s_axi_control_wdata,
    input  wire [3:0]             s_axi_control_wstrb,
    input  wire                   s_axi_control_wvalid,
    output wire                   s_axi_control_wready,
    output wire [1:0]             s_axi_control_bresp,
    output wire                   s_axi_control_bvalid,
    input  wire                   s_axi_control_bready,
    input  wire [7:0]             s_axi_control_araddr,
    input  wire [2:0]             s_axi_control_arprot,
    input  wire                   s_axi_control_arvalid,
    output wire                   s_axi_control_arready,
    output wire [31:0]            s_axi_control_rdata,
    output wire [1:0]             s_axi_control_rresp,
    output wire                   s_axi_control_rvalid,
    input  wire                   s_axi_control_rready,

    // AXI4: instructions
    output wire [0:0]             m_axi_fetch_arid,
    output wire [31:0]            m_axi_fetch_araddr,
    output wire [7:0]             m_axi_fetch_arlen,
    output wire [2:0]             m_axi_fetch_arsize,
    output wire [1:0]             m_axi_fetch_arburst,
    output wire                   m_axi_fetch_arlock,
    output wire [3:0]             m_axi_fetch_arcache,
    output wire [2:0]             m_axi_fetch_arprot,
    output wire [3:0]             m_axi_fetch_arqos,
    output wire                   m_axi_fetch_arvalid,
    input  wire                   m_axi_fetch_arready,
    input  wire [0:0]             m_axi_fetch_rid,
    input  wire [FETCH_BITS-1:0]  m_axi_fetch_rdata,
    input  wire [1:0]             m_axi_fetch_rresp,
    input  wire                   m_axi_fetch_rlast,
    input  wire                   m_axi_fetch_rvalid,
    output wire                   m_axi_fetch_rready,

    // AXI4: loads
    output wire [0:0]             m_axi_ld_arid,
    output wire [31:0]            m_axi_ld_araddr,
    output wire [7:0]             m_axi_ld_arlen,
    output wire [2:0]             m_axi_ld_arsize,
    output wire [1:0]             m_axi_ld_arburst,
    output wire                   m_axi_ld_arlock,
    output wire [3:0]             m_axi_ld_arcache,
    output wire [2:0]             m_axi_ld_arprot,
    output wire [3:0]             m_axi_ld_arqos,
    output wire                   m_axi_ld_arvalid,
    input  wire                   m_axi_ld_arready,
    input  wire [0:0]             m_axi_ld_rid,
    input  wire [DATA_BITS-1:0]   m_axi_ld_rdata,
    input  wire [1:0]             m_axi_ld_rresp,
    input  wire                   m_axi_ld_rlast,
    input  wire                   m_axi_ld_rvalid,
    output wire                   m_axi_ld_rready,

    // AXI4: stores
    output wire [0:0]             m_axi_st_awid,
    output wire [31:0]            m_axi_st_awaddr,
    output wire [7:0]             m_axi_st_awlen,
    output wire [2:0]             m_axi_st_awsize,
    output wire [1:0]             m_axi_st_awburst,
    output wire                   m_axi_st_awlock,
    output wire [3:0]             m_axi_st_awcache,
    output wire [2:0]             m_axi_st_awprot,
    output wire [3:0]             m_axi_st_awqos,
    output wire                   m_axi_st_awvalid,
    input  wire                   m_axi_st_awready,
    output wire [DATA_BITS-1:0]   m_axi_st_wdata,
    output wire [BUS_BYTES-1:0]   m_axi_st_wstrb,
    output wire                   m_axi_st_wlast,
    output wire                   m_axi_st_wvalid,
    input  wire                   m_axi_st_wready,
    input  wire [0:0]             m_axi_st_bid,
    input  wire [1:0]             m_axi_st_bresp,
    input  wire                   m_axi_st_bvalid,
    output wire                   m_axi_st_bready
);

  localparam logic [1:0] INCR = 2'b01;
  localparam logic [3:0] NORMAL_NOT_CACHEABLE = 4'b0010;  // nor bufferable
  localparam logic [2:0] UNPRIVILEGED_SECURE_DATA = 3'b000, INSTRUCTION = 3'b100;

  assign m_axi_fetch_arid    = 1'b0;
  assign m_axi_fetch_arsize  = 3'($clog2(FETCH_BYTES));
  assign m_axi_fetch_arburst = INCR;
  assign m_axi_fetch_arlock  = 1'b0;
  assign m_axi_fetch_arcache = NORMAL_NOT_CACHEABLE;
  assign m_axi_fetch_arprot  = INSTRUCTION;
  assign m_axi_fetch_arqos   = 4'h0;

  assign m_axi_ld_arid    = 1'b0;
  assign m_axi_ld_arsize  = 3'($clog2(BUS_BYTES));
  assign m_axi_ld_arburst = INCR;
  assign m_axi_ld_arlock  = 1'b0;
  assign m_axi_ld_arcache = NORMAL_NOT_CACHEABLE;
  assign m_axi_ld_arprot  = UNPRIVILEGED_SECURE_DATA;
  assign m_axi_ld_arqos   = 4'h0;

  assign m_axi_st_awid    = 1'b0;
  assign m_axi_st_awsize  = 3'($clog2(BUS_BYTES));
  assign m_axi_st_awburst = INCR;
  assign m_axi_st_awlock  = 1'b0;
  assign m_axi_st_awcache = NORMAL_NOT_CACHEABLE;
  assign m_axi_st_awprot  = UNPRIVILEGED_SECURE_DATA;
  assign m_axi_st_awqos   = 4'h0;
  assign m_axi_st_wstrb   = '1;

  wire unused = &{1'b0, s_axi_control_awprot, s_axi_control_arprot, m_axi_fetch_rid,
                  m_axi_fetch_rlast, m_axi_ld_rid, m_axi_ld_rlast, m_axi_st_bid};

  npu_top #(
      `include "generated/npu_parameters_pass.vh"
  ) npu (
      .clk_i          (aclk),
      .rst_i          (!aresetn),
      .lite_awaddr_i  (s_axi_control_awaddr),
      .lite_awvalid_i (s_axi_control_awvalid),
      .lite_awready_o (s_axi_control_awready),
      .lite_wdata_i   (s_axi_control_wdata),
      .lite_wstrb_i   (s_axi_control_wstrb),
      .lite_wvalid_i  (s_axi_control_wvalid),
      .lite_wready_o  (s_axi_control_wready),
      .lite_bresp_o   (s_axi_control_bresp),
      .lite_bvalid_o  (s_axi_control_bvalid),
      .lite_bready_i  (s_axi_control_bready),
      .lite_araddr_i  (s_axi_control_araddr),
      .lite_arvalid_i (s_axi_control_arvalid),
      .lite_arready_o (s_axi_control_arready),
      .lite_rdata_o   (s_axi_control_rdata),
      .lite_rresp_o   (s_axi_control_rresp),
      .lite_rvalid_o  (s_axi_control_rvalid),
      .lite_rready_i  (s_axi_control_rready),
      .irq_o          (irq),
      .running_o      (running),
      .fetch_araddr_o (m_axi_fetch_araddr),
      .fetch_arlen_o  (m_axi_fetch_arlen),
      .fetch_arvalid_o(m_axi_fetch_arvalid),
      .fetch_arready_i(m_axi_fetch_arready),
      .fetch_rdata_i  (m_axi_fetch_rdata),
      .fetch_rresp_i  (m_axi_fetch_rresp),
      .fetch_rvalid_i (m_axi_fetch_rvalid),
      .fetch_rready_o (m_axi_fetch_rready),
      .ld_araddr_o    (m_axi_ld_araddr),
      .ld_arlen_o     (m_axi_ld_arlen),
      .ld_arvalid_o   (m_axi_ld_arvalid),
      .ld_arready_i   (m_axi_ld_arready),
      .ld_rdata_i     (m_axi_ld_rdata),
      .ld_rresp_i     (m_axi_ld_rresp),
      .ld_rvalid_i    (m_axi_ld_rvalid),
      .ld_rready_o    (m_axi_ld_rready),
      .st_awaddr_o    (m_axi_st_awaddr),
      .st_awlen_o     (m_axi_st_awlen),
      .st_awvalid_o   (m_axi_st_awvalid),
      .st_awready_i   (m_axi_st_awready),
      .st_wdata_o     (m_axi_st_wdata),
      .st_wlast_o     (m_axi_st_wlast),
      .st_wvalid_o    (m_axi_st_wvalid),
      .st_wready_i    (m_axi_st_wready),
      .st_bresp_i     (m_axi_st_bresp),
      .st_bvalid_i    (m_axi_st_bvalid),
      .st_bready_o    (m_axi_st_bready)
  );

endmodule

`default_nettype wire
