// memory_read: AR and R of the deterministic memory.
//
//   AR  h_k = max(v_k, h_{k-1} + 1 + w(k), e_{k-N} + 1)
//   R   b_j = max(b_{j-1} + 1 + w(j), h + L if first of its burst, ready_j)
//
// Where the ports share a DRAM (npu_dram), a beat waits for the accesses that hold its bytes instead.
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_memory_read #(
    parameter  int BUS_BYTES = 4,
    localparam int ADDRESS_BITS = 32,
    localparam int OPEN_MOST    = 64
) (
    input  wire                     clk_i,
    input  wire                     rst_i,          // held from reset to the start of a run

    input  wire                     lfsr_i,
    input  wire  [15:0]             address_seed_i,
    input  wire  [15:0]             data_seed_i,
    input  wire  [31:0]             latency_i,      // L, >= 1
    input  wire  [31:0]             outstanding_i,  // N, 1..64
    input  wire  [31:0]             size_i,         // bytes; beyond is an error
    input  wire                     shared_i,       // the ports share a DRAM
    input  wire  [5:0]              access_log2_i,  // bytes of its accesses
    input  wire  [31:0]             arrived_i,      // accesses whose data are here

    input  wire  [ADDRESS_BITS-1:0] araddr_i,
    input  wire  [7:0]              arlen_i,
    input  wire                     arvalid_i,
    output wire                     arready_o,
    output wire  [BUS_BYTES*8-1:0]  rdata_o,
    output wire  [1:0]              rresp_o,
    output wire                     rlast_o,
    output wire                     rvalid_o,
    input  wire                     rready_i,

    output wire                     ask_o,          // an address is taken
    output wire  [ADDRESS_BITS-1:0] address_o,      // of the beat
    output wire                     read_o,         // the beat is taken and lies in the memory
    input  wire  [BUS_BYTES*8-1:0]  data_i          // at once
);

  localparam int INDEX_BITS = $clog2(OPEN_MOST);
  localparam logic [1:0] OKAY = 2'b00;
  localparam int PAGE_LOG2 = 12;

  logic [31:0] time_q;
  logic [ADDRESS_BITS-1:0] address_q[OPEN_MOST];
  logic [7:0]  length_q[OPEN_MOST];
  logic [31:0] from_q[OPEN_MOST];   // first cycle of the first beat
  logic [31:0] asked_q, answered_q; // bursts
  logic [7:0]  beat_q;
  logic [31:0] before_q;            // accesses of the bursts that are answered
  wire address_free, data_free;

  wire [INDEX_BITS-1:0] tail = asked_q[INDEX_BITS-1:0];
  wire [INDEX_BITS-1:0] head = answered_q[INDEX_BITS-1:0];
  wire asks  = arvalid_i && arready_o;
  wire beat  = rvalid_o && rready_i;
  wire inner = address_o < size_i;

  assign arready_o = address_free && asked_q - answered_q < outstanding_i;
  wire [31:0] needed = before_q + 1 +
      (((address_o + BUS_BYTES - 1) >> access_log2_i) - (address_q[head] >> access_log2_i));
  wire here = shared_i ? needed <= arrived_i : beat_q != '0 || time_q >= from_q[head];

  assign ask_o     = asks;
  assign rvalid_o  = asked_q != answered_q && data_free && here;
  assign rlast_o   = beat_q == length_q[head];
  assign address_o = address_q[head] + ADDRESS_BITS'(beat_q) * ADDRESS_BITS'(BUS_BYTES);
  assign rdata_o   = inner ? data_i : '0;
  assign rresp_o   = inner ? OKAY : {1'b1, address_o[PAGE_LOG2]};
  assign read_o    = beat && inner;

  npu_waits address_waits (
      .clk_i      (clk_i),
      .rst_i      (rst_i),
      .lfsr_i     (lfsr_i),
      .seed_i     (address_seed_i),
      .handshake_i(asks),
      .free_o     (address_free)
  );

  npu_waits data_waits (
      .clk_i      (clk_i),
      .rst_i      (rst_i),
      .lfsr_i     (lfsr_i),
      .seed_i     (data_seed_i),
      .handshake_i(beat),
      .free_o     (data_free)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      time_q     <= '0;
      asked_q    <= '0;
      answered_q <= '0;
      beat_q     <= '0;
      before_q   <= '0;
    end else begin
      time_q <= time_q + 1'b1;
      if (asks) begin
        asked_q         <= asked_q + 1'b1;
        address_q[tail] <= araddr_i;
        length_q[tail]  <= arlen_i;
        from_q[tail]    <= time_q + latency_i;
      end
      if (beat) begin
        beat_q <= rlast_o ? '0 : beat_q + 1'b1;
        if (rlast_o) answered_q <= answered_q + 1'b1;
        if (rlast_o) before_q <= needed;
      end
    end
  end

endmodule

`default_nettype wire
