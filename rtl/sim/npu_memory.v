// memory: the deterministic DRAM with its three ports: FETCH and LD read, ST writes.
//
// Preloaded from image.hex at time 0, written to dump.hex when dump_i rises: one beat a line, lowest
// address first, hexadecimal. `size_i` is what the machine has; `BYTES` what this simulation stores,
// an access between the two is reported as beyond_o.
//
// Law: docs/architecture.md, section 5. Simulation only.

`default_nettype none

module npu_memory #(
    parameter  int BUS_BYTES = 4,
    parameter  int BYTES     = 65536,  // a power of two
    localparam int ADDRESS_BITS = 32,
    localparam int DATA_BITS    = 8 * BUS_BYTES,
    localparam int FETCH_BYTES  = BUS_BYTES < 16 ? BUS_BYTES : 16,
    localparam int FETCH_BITS   = 8 * FETCH_BYTES
) (
    input  wire                     clk_i,
    input  wire                     rst_i,          // held from reset to the start of a run
    input  wire                     lfsr_i,
    input  wire  [15:0]             seed_i,
    input  wire  [31:0]             latency_i,
    input  wire  [31:0]             outstanding_i,
    input  wire  [31:0]             size_i,
    input  wire                     dump_i,
    input  wire  [31:0]             dump_words_i,   // >= 1
    output logic                    beyond_o,

    input  wire  [ADDRESS_BITS-1:0] fetch_araddr_i,
    input  wire  [7:0]              fetch_arlen_i,
    input  wire                     fetch_arvalid_i,
    output wire                     fetch_arready_o,
    output wire  [FETCH_BITS-1:0]   fetch_rdata_o,
    output wire  [1:0]              fetch_rresp_o,
    output wire                     fetch_rvalid_o,
    input  wire                     fetch_rready_i,

    input  wire  [ADDRESS_BITS-1:0] ld_araddr_i,
    input  wire  [7:0]              ld_arlen_i,
    input  wire                     ld_arvalid_i,
    output wire                     ld_arready_o,
    output wire  [DATA_BITS-1:0]    ld_rdata_o,
    output wire  [1:0]              ld_rresp_o,
    output wire                     ld_rvalid_o,
    input  wire                     ld_rready_i,

    input  wire  [ADDRESS_BITS-1:0] st_awaddr_i,
    input  wire  [7:0]              st_awlen_i,
    input  wire                     st_awvalid_i,
    output wire                     st_awready_o,
    input  wire  [DATA_BITS-1:0]    st_wdata_i,
    input  wire                     st_wlast_i,
    input  wire                     st_wvalid_i,
    output wire                     st_wready_o,
    output wire  [1:0]              st_bresp_o,
    output wire                     st_bvalid_o,
    input  wire                     st_bready_i
);

  localparam int WORDS     = BYTES / BUS_BYTES;
  localparam int WORD_BITS = $clog2(WORDS);
  localparam int BUS_LOG2  = $clog2(BUS_BYTES);
  localparam int FETCH_LOG2 = $clog2(FETCH_BYTES);
  localparam int CHANNELS  = 7;
  localparam logic [15:0] SEED_STEP = 16'h9E37;

  logic [DATA_BITS-1:0] word_q[WORDS];

  wire [CHANNELS*16-1:0] seeds;

  genvar c;
  generate
    for (c = 0; c < CHANNELS; c = c + 1) begin : channel
      wire [15:0] seed = seed_i + SEED_STEP * 16'(c);
      assign seeds[c*16+:16] = seed == '0 ? 16'd1 : seed;
    end
  endgenerate

  wire [ADDRESS_BITS-1:0] fetch_address, ld_address, st_address;
  wire fetch_read, ld_read, st_write;
  wire unused_fetch_last, unused_ld_last;
  wire [WORD_BITS-1:0] fetch_word = fetch_address[BUS_LOG2+:WORD_BITS];
  wire [WORD_BITS-1:0] ld_word    = ld_address[BUS_LOG2+:WORD_BITS];
  wire [WORD_BITS-1:0] st_word    = st_address[BUS_LOG2+:WORD_BITS];

  // A beat of FETCH is a part of a stored word where the bus is wider.
  wire [DATA_BITS-1:0]  fetch_whole = word_q[fetch_word];
  wire [FETCH_BITS-1:0] fetch_part;

  generate
    if (FETCH_BYTES == BUS_BYTES) begin : gen_whole
      assign fetch_part = fetch_whole;
    end else begin : gen_part
      wire [BUS_LOG2-FETCH_LOG2-1:0] part = fetch_address[BUS_LOG2-1:FETCH_LOG2];
      assign fetch_part = fetch_whole[part*FETCH_BITS+:FETCH_BITS];
    end
  endgenerate

  // The DRAM that the ports share, where that is the model.
  wire shared, fetch_asks, ld_asks, st_asks;
  wire [5:0] access_log2;
  wire [3*32-1:0] arrived;
  wire [ADDRESS_BITS-1:0] st_first;
  wire [15:0] st_bytes;

  npu_dram dram (
      .clk_i        (clk_i),
      .rst_i        (rst_i),
      .shared_o     (shared),
      .access_log2_o(access_log2),
      .ask_i        ({st_asks, ld_asks, fetch_asks}),
      .address_i    ({st_first, ld_araddr_i, fetch_araddr_i}),
      .bytes_i      ({
        st_bytes, (16'(ld_arlen_i) + 16'd1) * 16'(BUS_BYTES),
        (16'(fetch_arlen_i) + 16'd1) * 16'(FETCH_BYTES)
      }),
      .arrived_o    (arrived)
  );

  npu_memory_read #(
      .BUS_BYTES(FETCH_BYTES)
  ) fetch_port (
      .clk_i         (clk_i),
      .rst_i         (rst_i),
      .lfsr_i        (lfsr_i),
      .address_seed_i(seeds[0*16+:16]),
      .data_seed_i   (seeds[1*16+:16]),
      .latency_i     (latency_i),
      .outstanding_i (outstanding_i),
      .size_i        (size_i),
      .shared_i      (shared),
      .access_log2_i (access_log2),
      .arrived_i     (arrived[0*32+:32]),
      .araddr_i      (fetch_araddr_i),
      .arlen_i       (fetch_arlen_i),
      .arvalid_i     (fetch_arvalid_i),
      .arready_o     (fetch_arready_o),
      .rdata_o       (fetch_rdata_o),
      .rresp_o       (fetch_rresp_o),
      .rlast_o       (unused_fetch_last),
      .rvalid_o      (fetch_rvalid_o),
      .rready_i      (fetch_rready_i),
      .ask_o         (fetch_asks),
      .address_o     (fetch_address),
      .read_o        (fetch_read),
      .data_i        (fetch_part)
  );

  npu_memory_read #(
      .BUS_BYTES(BUS_BYTES)
  ) ld_port (
      .clk_i         (clk_i),
      .rst_i         (rst_i),
      .lfsr_i        (lfsr_i),
      .address_seed_i(seeds[2*16+:16]),
      .data_seed_i   (seeds[3*16+:16]),
      .latency_i     (latency_i),
      .outstanding_i (outstanding_i),
      .size_i        (size_i),
      .shared_i      (shared),
      .access_log2_i (access_log2),
      .arrived_i     (arrived[1*32+:32]),
      .araddr_i      (ld_araddr_i),
      .arlen_i       (ld_arlen_i),
      .arvalid_i     (ld_arvalid_i),
      .arready_o     (ld_arready_o),
      .rdata_o       (ld_rdata_o),
      .rresp_o       (ld_rresp_o),
      .rlast_o       (unused_ld_last),
      .rvalid_o      (ld_rvalid_o),
      .rready_i      (ld_rready_i),
      .ask_o         (ld_asks),
      .address_o     (ld_address),
      .read_o        (ld_read),
      .data_i        (word_q[ld_word])
  );

  npu_memory_write #(
      .BUS_BYTES(BUS_BYTES)
  ) st_port (
      .clk_i         (clk_i),
      .rst_i         (rst_i),
      .lfsr_i        (lfsr_i),
      .address_seed_i(seeds[4*16+:16]),
      .data_seed_i   (seeds[5*16+:16]),
      .answer_seed_i (seeds[6*16+:16]),
      .latency_i     (latency_i),
      .outstanding_i (outstanding_i),
      .size_i        (size_i),
      .shared_i      (shared),
      .access_log2_i (access_log2),
      .arrived_i     (arrived[2*32+:32]),
      .awaddr_i      (st_awaddr_i),
      .awlen_i       (st_awlen_i),
      .awvalid_i     (st_awvalid_i),
      .awready_o     (st_awready_o),
      .wlast_i       (st_wlast_i),
      .wvalid_i      (st_wvalid_i),
      .wready_o      (st_wready_o),
      .bresp_o       (st_bresp_o),
      .bvalid_o      (st_bvalid_o),
      .bready_i      (st_bready_i),
      .ask_o         (st_asks),
      .first_o       (st_first),
      .bytes_o       (st_bytes),
      .address_o     (st_address),
      .write_o       (st_write)
  );

  wire beyond = (fetch_read && fetch_address >= ADDRESS_BITS'(BYTES)) ||
      (ld_read && ld_address >= ADDRESS_BITS'(BYTES)) ||
      (st_write && st_address >= ADDRESS_BITS'(BYTES));

  initial $readmemh("image.hex", word_q);

  always_ff @(posedge clk_i) begin
    if (rst_i) beyond_o <= 1'b0;
    else if (beyond) beyond_o <= 1'b1;
    if (st_write) word_q[st_word] <= st_wdata_i;
  end

  logic dumped_q;

  always @(posedge clk_i) begin
    dumped_q <= dump_i;
    if (dump_i && !dumped_q) $writememh("dump.hex", word_q, 0, dump_words_i - 1);
  end

endmodule

`default_nettype wire
