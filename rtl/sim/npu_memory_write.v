// memory_write: AW, W and B of the deterministic memory.
//
//   AW  h_k = max(v_k, h_{k-1} + 1 + w(k), e_{k-N} + 1)
//   W   b_j = max(vW_j, b_{j-1} + 1 + w(j))
//   B   B_k = max(last W of burst k + L, B_{k-1} + 1 + w(k))
//
// Where the ports share a DRAM (npu_dram), B waits for the burst's accesses instead.
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_memory_write #(
    parameter  int BUS_BYTES = 4,
    localparam int ADDRESS_BITS = 32,
    localparam int OPEN_MOST    = 64
) (
    input  wire                     clk_i,
    input  wire                     rst_i,          // held from reset to the start of a run

    input  wire                     lfsr_i,
    input  wire  [15:0]             address_seed_i,
    input  wire  [15:0]             data_seed_i,
    input  wire  [15:0]             answer_seed_i,
    input  wire  [31:0]             latency_i,      // L, >= 1
    input  wire  [31:0]             outstanding_i,  // N, 1..64
    input  wire  [31:0]             size_i,         // bytes; beyond is an error
    input  wire                     shared_i,       // the ports share a DRAM
    input  wire  [5:0]              access_log2_i,  // bytes of its accesses
    input  wire  [31:0]             arrived_i,      // accesses that are written

    input  wire  [ADDRESS_BITS-1:0] awaddr_i,
    input  wire  [7:0]              awlen_i,
    input  wire                     awvalid_i,
    output wire                     awready_o,
    input  wire                     wlast_i,
    input  wire                     wvalid_i,
    output wire                     wready_o,
    output wire  [1:0]              bresp_o,
    output wire                     bvalid_o,
    input  wire                     bready_i,

    output wire                     ask_o,          // a burst's last beat is taken
    output wire  [ADDRESS_BITS-1:0] first_o,        // of the burst's first beat
    output wire  [15:0]             bytes_o,        // of the burst
    output wire  [ADDRESS_BITS-1:0] address_o,      // of the beat
    output wire                     write_o         // the beat is taken and lies in the memory
);

  localparam int INDEX_BITS = $clog2(OPEN_MOST);
  localparam logic [1:0] OKAY = 2'b00;
  localparam int PAGE_LOG2 = 12;

  logic [31:0] time_q;
  logic [ADDRESS_BITS-1:0] address_q[OPEN_MOST];
  logic [7:0]  length_q[OPEN_MOST];
  logic [31:0] from_q[OPEN_MOST];               // first cycle of the answer
  logic [OPEN_MOST-1:0] bad_q;
  logic [31:0] asked_q, written_q, answered_q;  // bursts
  logic [7:0]  beat_q;
  logic [31:0] before_q;                        // accesses of the bursts that are answered
  wire address_free, data_free, answer_free;

  wire [INDEX_BITS-1:0] tail   = asked_q[INDEX_BITS-1:0];
  wire [INDEX_BITS-1:0] middle = written_q[INDEX_BITS-1:0];
  wire [INDEX_BITS-1:0] head   = answered_q[INDEX_BITS-1:0];
  wire asks   = awvalid_i && awready_o;
  wire beat   = wvalid_i && wready_o;
  wire answer = bvalid_o && bready_i;
  wire inner  = address_o < size_i;

  assign awready_o = address_free && asked_q - answered_q < outstanding_i;
  assign wready_o  = data_free && asked_q != written_q;
  wire [31:0] needed = before_q + 1 +
      (((address_q[head] + (ADDRESS_BITS'(length_q[head]) + 1) * BUS_BYTES - 1) >> access_log2_i) -
       (address_q[head] >> access_log2_i));
  wire done = shared_i ? needed <= arrived_i : time_q >= from_q[head];

  assign ask_o     = beat && wlast_i;
  assign first_o   = address_q[middle];
  assign bytes_o   = (16'(length_q[middle]) + 1'b1) * 16'(BUS_BYTES);
  assign bvalid_o  = written_q != answered_q && answer_free && done;
  assign bresp_o   = bad_q[head] ? {1'b1, address_q[head][PAGE_LOG2]} : OKAY;
  assign address_o = address_q[middle] + ADDRESS_BITS'(beat_q) * ADDRESS_BITS'(BUS_BYTES);
  assign write_o   = beat && inner;

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

  npu_waits answer_waits (
      .clk_i      (clk_i),
      .rst_i      (rst_i),
      .lfsr_i     (lfsr_i),
      .seed_i     (answer_seed_i),
      .handshake_i(answer),
      .free_o     (answer_free)
  );

  always @(posedge clk_i) begin
    if (rst_i) begin
      time_q     <= '0;
      asked_q    <= '0;
      written_q  <= '0;
      answered_q <= '0;
      beat_q     <= '0;
      bad_q      <= '0;
      before_q   <= '0;
    end else begin
      time_q <= time_q + 1'b1;
      if (asks) begin
        asked_q         <= asked_q + 1'b1;
        address_q[tail] <= awaddr_i;
        length_q[tail]  <= awlen_i;
        bad_q[tail]     <= 1'b0;
      end
      if (beat) begin
        beat_q <= wlast_i ? '0 : beat_q + 1'b1;
        if (!inner) bad_q[middle] <= 1'b1;
        if (wlast_i != (beat_q == length_q[middle])) begin
          $display("npu_memory_write: wlast at beat %0d of %0d", beat_q, length_q[middle] + 1);
          $fatal;
        end
        if (wlast_i) begin
          written_q      <= written_q + 1'b1;
          from_q[middle] <= time_q + latency_i;
        end
      end
      if (answer) answered_q <= answered_q + 1'b1;
      if (answer) before_q <= needed;
    end
  end

endmodule

`default_nettype wire
