// axi: npu_axi4 between the models of an AXI bench, its bursts watched by npu_axi_rules.
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_axi #(
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

  npu_axi4 #(
      `include "generated/npu_parameters_pass.vh"
  ) npu (.*);

  npu_axi_rules #(
      .NAME       ("FETCH"),
      .BUS_BYTES  (FETCH_BYTES),
      .BURST_BEATS(128 / FETCH_BYTES)
  ) fetch_rules (
      .clk_i    (aclk),
      .rst_i    (!aresetn),
      .address_i(m_axi_fetch_araddr),
      .length_i (m_axi_fetch_arlen),
      .valid_i  (m_axi_fetch_arvalid),
      .ready_i  (m_axi_fetch_arready),
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
      .clk_i    (aclk),
      .rst_i    (!aresetn),
      .address_i(m_axi_ld_araddr),
      .length_i (m_axi_ld_arlen),
      .valid_i  (m_axi_ld_arvalid),
      .ready_i  (m_axi_ld_arready),
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
      .clk_i    (aclk),
      .rst_i    (!aresetn),
      .address_i(m_axi_st_awaddr),
      .length_i (m_axi_st_awlen),
      .valid_i  (m_axi_st_awvalid),
      .ready_i  (m_axi_st_awready),
      .wdata_i  (m_axi_st_wdata),
      .wlast_i  (m_axi_st_wlast),
      .wvalid_i (m_axi_st_wvalid),
      .wready_i (m_axi_st_wready)
  );

endmodule

`default_nettype wire
