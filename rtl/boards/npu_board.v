// board: the NPU with memory in block RAM, driven over a serial line.
//
//   serial line -> serial_master -> address[31] ? control registers of the NPU : memory
//   memory <- the host, FETCH, LD, ST, in the order of this list where they meet
//
// Law: docs/board.md

`default_nettype none

module npu_board #(
    `include "generated/npu_parameters.vh"
    parameter int CLOCKS_PER_BIT = 25,      // of the serial line
    parameter int MEMORY_BYTES   = 262144   // a power of two
) (
    input  wire clk_i,
    input  wire rst_i,
    input  wire rx_i,
    output wire tx_o,
    output wire irq_o,
    output wire running_o
);

  localparam int DATA_BITS = 8 * BUS_BYTES;
  localparam int COLUMNS   = BUS_BYTES / 4;  // words of the host in a beat
  localparam int HOST = 0, FETCH = 1, LD = 2, READERS = 3;
  localparam int ST = 1, WRITERS = 2;  // HOST writes too
  localparam int NPU_BIT   = 31;
  localparam int WORD_STROBE = 15;

  // Bytes of the line.

  wire [7:0] received, sent;
  wire received_valid, broken, sent_valid, sent_ready;

  npu_uart_receive #(
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT)
  ) receive (
      .clk_i   (clk_i),
      .rst_i   (rst_i),
      .rx_i    (rx_i),
      .byte_o  (received),
      .valid_o (received_valid),
      .broken_o(broken)
  );

  npu_uart_send #(
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT)
  ) send (
      .clk_i  (clk_i),
      .rst_i  (rst_i),
      .byte_i (sent),
      .valid_i(sent_valid),
      .ready_o(sent_ready),
      .tx_o   (tx_o)
  );

  // The host's accesses: one at a time, its address stands until the answer.

  wire [31:0] address, wdata, rdata;
  wire awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
  wire [1:0] bresp, rresp;
  wire to_npu = address[NPU_BIT];

  npu_serial_master master (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .byte_i   (received),
      .valid_i  (received_valid),
      .broken_i (broken),
      .byte_o   (sent),
      .valid_o  (sent_valid),
      .ready_i  (sent_ready),
      .address_o(address),
      .awvalid_o(awvalid),
      .awready_i(awready),
      .wdata_o  (wdata),
      .wvalid_o (wvalid),
      .wready_i (wready),
      .bresp_i  (bresp),
      .bvalid_i (bvalid),
      .bready_o (bready),
      .arvalid_o(arvalid),
      .arready_i(arready),
      .rdata_i  (rdata),
      .rresp_i  (rresp),
      .rvalid_i (rvalid),
      .rready_o (rready),
      .irq_i    (irq_o)
  );

  wire npu_awready, npu_wready, npu_bvalid, npu_arready, npu_rvalid;
  wire [1:0] npu_bresp, npu_rresp, memory_rresp;
  wire [31:0] npu_rdata;
  wire [READERS*32-1:0] araddr;
  wire [READERS*8-1:0] arlen;
  wire [READERS-1:0] memory_arvalid, memory_arready, memory_rvalid, memory_rready;
  wire [WRITERS*32-1:0] awaddr;
  wire [WRITERS*DATA_BITS-1:0] memory_wdata;
  wire [WRITERS*BUS_BYTES-1:0] wstrb;
  wire [WRITERS-1:0] memory_awvalid, memory_awready, memory_wvalid, memory_wready, wlast;
  wire [WRITERS-1:0] memory_bvalid, memory_bready;
  wire [WRITERS*2-1:0] memory_bresp;
  wire [DATA_BITS-1:0] memory_rdata;
  wire [7:0] st_awlen;
  wire rlast;
  wire unused = &{1'b0, rlast, st_awlen};

  wire [$clog2(BUS_BYTES)-1:0] byte_of_beat = address[$clog2(BUS_BYTES)-1:0];

  assign awready = to_npu ? npu_awready : memory_awready[HOST];
  assign wready  = to_npu ? npu_wready : memory_wready[HOST];
  assign bvalid  = to_npu ? npu_bvalid : memory_bvalid[HOST];
  assign bresp   = to_npu ? npu_bresp : memory_bresp[HOST*2+:2];
  assign arready = to_npu ? npu_arready : memory_arready[HOST];
  assign rvalid  = to_npu ? npu_rvalid : memory_rvalid[HOST];
  assign rresp   = to_npu ? npu_rresp : memory_rresp;
  assign rdata   = to_npu ? npu_rdata : memory_rdata[byte_of_beat*8+:32];

  assign araddr[HOST*32+:32]                     = address;
  assign arlen[HOST*8+:8]                        = '0;
  assign memory_arvalid[HOST]                    = arvalid && !to_npu;
  assign memory_rready[HOST]                     = rready;
  assign awaddr[HOST*32+:32]                     = address;
  assign memory_awvalid[HOST]                    = awvalid && !to_npu;
  assign memory_wdata[HOST*DATA_BITS+:DATA_BITS] = {COLUMNS{wdata}};
  assign wstrb[HOST*BUS_BYTES+:BUS_BYTES]        = BUS_BYTES'(WORD_STROBE) << byte_of_beat;
  assign wlast[HOST]                             = 1'b1;
  assign memory_wvalid[HOST]                     = wvalid && !to_npu;
  assign memory_bready[HOST]                     = bready;
  assign wstrb[ST*BUS_BYTES+:BUS_BYTES]          = '1;

  npu_shared_memory #(
      .BUS_BYTES(BUS_BYTES),
      .BYTES    (MEMORY_BYTES),
      .READERS  (READERS),
      .WRITERS  (WRITERS)
  ) memory (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .araddr_i (araddr),
      .arlen_i  (arlen),
      .arvalid_i(memory_arvalid),
      .arready_o(memory_arready),
      .rdata_o  (memory_rdata),
      .rresp_o  (memory_rresp),
      .rlast_o  (rlast),
      .rvalid_o (memory_rvalid),
      .rready_i (memory_rready),
      .awaddr_i (awaddr),
      .awvalid_i(memory_awvalid),
      .awready_o(memory_awready),
      .wdata_i  (memory_wdata),
      .wstrb_i  (wstrb),
      .wlast_i  (wlast),
      .wvalid_i (memory_wvalid),
      .wready_o (memory_wready),
      .bresp_o  (memory_bresp),
      .bvalid_o (memory_bvalid),
      .bready_i (memory_bready)
  );

  npu_top #(
      `include "generated/npu_parameters_pass.vh"
  ) npu (
      .clk_i          (clk_i),
      .rst_i          (rst_i),
      .lite_awaddr_i  (address[7:0]),
      .lite_awvalid_i (awvalid && to_npu),
      .lite_awready_o (npu_awready),
      .lite_wdata_i   (wdata),
      .lite_wstrb_i   (4'(WORD_STROBE)),
      .lite_wvalid_i  (wvalid && to_npu),
      .lite_wready_o  (npu_wready),
      .lite_bresp_o   (npu_bresp),
      .lite_bvalid_o  (npu_bvalid),
      .lite_bready_i  (bready),
      .lite_araddr_i  (address[7:0]),
      .lite_arvalid_i (arvalid && to_npu),
      .lite_arready_o (npu_arready),
      .lite_rdata_o   (npu_rdata),
      .lite_rresp_o   (npu_rresp),
      .lite_rvalid_o  (npu_rvalid),
      .lite_rready_i  (rready),
      .irq_o          (irq_o),
      .running_o      (running_o),
      .fetch_araddr_o (araddr[FETCH*32+:32]),
      .fetch_arlen_o  (arlen[FETCH*8+:8]),
      .fetch_arvalid_o(memory_arvalid[FETCH]),
      .fetch_arready_i(memory_arready[FETCH]),
      .fetch_rdata_i  (memory_rdata),
      .fetch_rresp_i  (memory_rresp),
      .fetch_rvalid_i (memory_rvalid[FETCH]),
      .fetch_rready_o (memory_rready[FETCH]),
      .ld_araddr_o    (araddr[LD*32+:32]),
      .ld_arlen_o     (arlen[LD*8+:8]),
      .ld_arvalid_o   (memory_arvalid[LD]),
      .ld_arready_i   (memory_arready[LD]),
      .ld_rdata_i     (memory_rdata),
      .ld_rresp_i     (memory_rresp),
      .ld_rvalid_i    (memory_rvalid[LD]),
      .ld_rready_o    (memory_rready[LD]),
      .st_awaddr_o    (awaddr[ST*32+:32]),
      .st_awlen_o     (st_awlen),
      .st_awvalid_o   (memory_awvalid[ST]),
      .st_awready_i   (memory_awready[ST]),
      .st_wdata_o     (memory_wdata[ST*DATA_BITS+:DATA_BITS]),
      .st_wlast_o     (wlast[ST]),
      .st_wvalid_o    (memory_wvalid[ST]),
      .st_wready_i    (memory_wready[ST]),
      .st_bresp_i     (memory_bresp[ST*2+:2]),
      .st_bvalid_i    (memory_bvalid[ST]),
      .st_bready_o    (memory_bready[ST])
  );

endmodule

`default_nettype wire
