// shared_memory: block RAM behind several AXI ports, of which the lower number goes first.
//
//   read:  burst k of a port is taken when burst k - 1 has been read; a beat a clock in all
//   write: the same; words of 4 bytes whose strobe is set in full are written
//
// Beats beyond the memory answer DECERR; the memory is not written.
//
// Law: docs/board.md

`default_nettype none

module npu_shared_memory #(
    parameter  int BUS_BYTES = 4,       // of every port: 4, 8 or 16
    parameter  int BYTES     = 262144,  // a power of two, at most 65536 beats
    parameter  int READERS   = 3,
    parameter  int WRITERS   = 2,
    localparam int DATA_BITS = 8 * BUS_BYTES
) (
    input  wire                          clk_i,
    input  wire                          rst_i,

    input  wire  [READERS*32-1:0]        araddr_i,
    input  wire  [READERS*8-1:0]         arlen_i,
    input  wire  [READERS-1:0]           arvalid_i,
    output wire  [READERS-1:0]           arready_o,
    output wire  [DATA_BITS-1:0]         rdata_o,    // of the one whose rvalid_o is set
    output wire  [1:0]                   rresp_o,
    output wire                          rlast_o,
    output logic [READERS-1:0]           rvalid_o,   // at most one
    input  wire  [READERS-1:0]           rready_i,

    input  wire  [WRITERS*32-1:0]        awaddr_i,
    input  wire  [WRITERS-1:0]           awvalid_i,
    output wire  [WRITERS-1:0]           awready_o,
    input  wire  [WRITERS*DATA_BITS-1:0] wdata_i,
    input  wire  [WRITERS*BUS_BYTES-1:0] wstrb_i,
    input  wire  [WRITERS-1:0]           wlast_i,
    input  wire  [WRITERS-1:0]           wvalid_i,
    output logic [WRITERS-1:0]           wready_o,   // at most one
    output logic [WRITERS*2-1:0]         bresp_o,
    output logic [WRITERS-1:0]           bvalid_o,
    input  wire  [WRITERS-1:0]           bready_i
);

  localparam int BUS_LOG2  = $clog2(BUS_BYTES);
  localparam int BEATS     = BYTES / BUS_BYTES;
  localparam int BEAT_BITS = 32 - BUS_LOG2;
  localparam int COLUMNS   = BUS_BYTES / 4;  // words of 4 bytes in a beat
  localparam logic [1:0] OKAY = 2'b00, DECERR = 2'b11;

  generate
    if (BUS_BYTES != 4 && BUS_BYTES != 8 && BUS_BYTES != 16) begin : gen_bad_bus_bytes
      npu_shared_memory_BUS_BYTES_must_be_4_8_or_16 bad_parameter ();
    end
  endgenerate

  // Reads: one port after the other has a beat on the memory's output.

  logic [READERS-1:0] reads_q;  // a burst has beats left
  logic [BEAT_BITS-1:0] read_beat_q[READERS];
  logic [7:0] left_q[READERS];  // beats behind the next one
  logic last_q, beyond_q;

  logic [READERS-1:0] turn;     // the port whose beat is read
  logic [BEAT_BITS-1:0] read_beat;
  logic ends;

  wire free = rvalid_o == '0 || |(rvalid_o & rready_i);

  always_comb begin
    turn      = '0;
    read_beat = '0;
    ends      = 1'b0;
    for (int r = READERS - 1; r >= 0; r = r - 1) begin
      if (reads_q[r]) begin
        turn      = READERS'(1) << r;
        read_beat = read_beat_q[r];
        ends      = left_q[r] == '0;
      end
    end
    if (!free) turn = '0;
  end

  assign arready_o = ~reads_q;
  assign rlast_o   = last_q;
  assign rresp_o   = beyond_q ? DECERR : OKAY;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      reads_q  <= '0;
      rvalid_o <= '0;
    end else begin
      reads_q <= (reads_q | arvalid_i) & ~(ends ? turn : '0);
      if (free) rvalid_o <= turn;
    end
  end

  always_ff @(posedge clk_i) begin
    for (int r = 0; r < READERS; r = r + 1) begin
      if (arvalid_i[r] && arready_o[r]) begin
        read_beat_q[r] <= araddr_i[r*32+BUS_LOG2+:BEAT_BITS];
        left_q[r]      <= arlen_i[r*8+:8];
      end else if (turn[r]) begin
        read_beat_q[r] <= read_beat_q[r] + 1'b1;
        left_q[r]      <= left_q[r] - 1'b1;
      end
    end
    if (|turn) begin
      last_q   <= ends;
      beyond_q <= read_beat >= BEAT_BITS'(BEATS);
    end
  end

  // Writes.

  logic [WRITERS-1:0] writes_q;  // an address has come, its last beat has not
  logic [WRITERS-1:0] failed_q;
  logic [BEAT_BITS-1:0] write_beat_q[WRITERS];

  logic [BEAT_BITS-1:0] write_beat;
  logic [DATA_BITS-1:0] write_data;
  logic [BUS_BYTES-1:0] strobe;
  logic [WRITERS-1:0] beat;

  always_comb begin
    wready_o   = '0;
    write_beat = '0;
    write_data = '0;
    strobe     = '0;
    for (int w = WRITERS - 1; w >= 0; w = w - 1) begin
      if (writes_q[w] && wvalid_i[w]) begin
        wready_o   = WRITERS'(1) << w;
        write_beat = write_beat_q[w];
        write_data = wdata_i[w*DATA_BITS+:DATA_BITS];
        strobe     = wstrb_i[w*BUS_BYTES+:BUS_BYTES];
      end
    end
    beat = wready_o;
  end

  wire write_beyond = write_beat >= BEAT_BITS'(BEATS);

  assign awready_o = ~(writes_q | bvalid_o);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      writes_q <= '0;
      bvalid_o <= '0;
    end else begin
      writes_q <= (writes_q | (awvalid_i & awready_o)) & ~(beat & wlast_i);
      bvalid_o <= (bvalid_o & ~bready_i) | (beat & wlast_i);
    end
  end

  always_ff @(posedge clk_i) begin
    for (int w = 0; w < WRITERS; w = w + 1) begin
      if (awvalid_i[w] && awready_o[w]) begin
        write_beat_q[w] <= awaddr_i[w*32+BUS_LOG2+:BEAT_BITS];
        failed_q[w]     <= 1'b0;
      end else if (beat[w]) begin
        write_beat_q[w] <= write_beat_q[w] + 1'b1;
        failed_q[w]     <= failed_q[w] || write_beyond;
      end
      if (beat[w] && wlast_i[w])
        bresp_o[w*2+:2] <= failed_q[w] || write_beyond ? DECERR : OKAY;
    end
  end

  // The memory, in columns that are written apart.

  generate
    for (genvar c = 0; c < COLUMNS; c = c + 1) begin : gen_column
      npu_bank #(
          .WIDTH(32),
          .WORDS(BEATS)
      ) bank (
          .clk_i          (clk_i),
          .read_i         (|turn),
          .read_address_i (read_beat[$clog2(BEATS)-1:0]),
          .data_o         (rdata_o[c*32+:32]),
          .write_i        (|beat && !write_beyond && (&strobe[c*4+:4])),
          .write_address_i(write_beat[$clog2(BEATS)-1:0]),
          .data_i         (write_data[c*32+:32])
      );
    end
  endgenerate

endmodule

`default_nettype wire
