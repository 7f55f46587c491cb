// axi_rules: stops the simulation where a master's address or write channel breaks AXI's rules.
//
//   a burst does not cross a 4 KB page, has at most BURST_BEATS beats, begins at a whole beat
//   valid stays, with its payload, until ready
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_axi_rules #(
    parameter      NAME        = "LD",
    parameter  int BUS_BYTES   = 4,
    parameter  int BURST_BEATS = 16,
    localparam int DATA_BITS   = 8 * BUS_BYTES
) (
    input  wire                  clk_i,
    input  wire                  rst_i,
    input  wire  [31:0]          address_i,
    input  wire  [7:0]           length_i,
    input  wire                  valid_i,
    input  wire                  ready_i,
    input  wire  [DATA_BITS-1:0] wdata_i,   // of a write port, else 0
    input  wire                  wlast_i,
    input  wire                  wvalid_i,
    input  wire                  wready_i
);

  localparam int PAGE_BYTES = 4096;

  logic waits_q, wwaits_q;
  logic [39:0] address_q;
  logic [DATA_BITS:0] data_q;

  wire [31:0] bytes = (32'(length_i) + 1) * BUS_BYTES;
  wire crosses = 32'(address_i[11:0]) + bytes > PAGE_BYTES;

  always @(posedge clk_i) begin
    waits_q   <= !rst_i && valid_i && !ready_i;
    wwaits_q  <= !rst_i && wvalid_i && !wready_i;
    address_q <= {length_i, address_i};
    data_q    <= {wlast_i, wdata_i};
    if (!rst_i) begin
      if (valid_i && (crosses || address_i % BUS_BYTES != 0 || 32'(length_i) >= BURST_BEATS)) begin
        $display("npu_axi_rules: %0s: bad burst at %h of %0d beats", NAME, address_i,
                 32'(length_i) + 1);
        $fatal;
      end
      if (waits_q && (!valid_i || address_q != {length_i, address_i})) begin
        $display("npu_axi_rules: %0s: address did not wait for ready", NAME);
        $fatal;
      end
      if (wwaits_q && (!wvalid_i || data_q != {wlast_i, wdata_i})) begin
        $display("npu_axi_rules: %0s: beat did not wait for ready", NAME);
        $fatal;
      end
    end
  end

endmodule

`default_nettype wire
