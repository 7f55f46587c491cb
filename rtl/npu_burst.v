// burst: the DRAM segments of a LD or ST, cut into AXI bursts.
//
//   for b in 0..blocks-1, r in 0..rows-1:
//     segment of segment_beats from base + b*block_stride + r*row_stride      bytes, modulo 2^32
//   burst = min(beats left in the segment, BURST_BEATS, beats to the next 4 KB)
//
// Timing: load_i in cycle I; from I + 2 on address_o, beats_o, last_o describe the next burst, and
// step_i in a cycle goes to the one after it, which is there two cycles later.
// Law: docs/architecture.md, section 5

`default_nettype none

module npu_burst #(
    parameter  int BUS_BYTES   = 4,   // 4, 8, 16, 32 or 64
    parameter  int BURST_BEATS = 16,  // a power of two, 1..256
    localparam int ADDRESS_BITS = 32,
    localparam int BEATS_BITS   = 32,
    localparam int COUNT_BITS   = 16,
    localparam int BURST_BITS   = 9
) (
    input  wire                      clk_i,

    input  wire                      load_i,
    input  wire  [ADDRESS_BITS-1:0]  base_i,           // bytes, a whole beat
    input  wire  [BEATS_BITS-1:0]    segment_beats_i,  // >= 1
    input  wire  [COUNT_BITS-1:0]    rows_i,           // held while it runs, >= 1
    input  wire  [COUNT_BITS-1:0]    blocks_i,
    input  wire  [ADDRESS_BITS-1:0]  row_stride_i,     // bytes, held while it runs
    input  wire  [ADDRESS_BITS-1:0]  block_stride_i,

    input  wire                      step_i,
    output logic [ADDRESS_BITS-1:0]  address_o,
    output logic [BURST_BITS-1:0]    beats_o,          // 1..BURST_BEATS
    output logic                     last_o            // nothing follows this burst
);

  localparam int PAGE_BITS = 12;
  localparam int BUS_LOG2  = $clog2(BUS_BYTES);
  localparam int PAGE_BEATS_BITS = PAGE_BITS - BUS_LOG2 + 1;
  localparam int LEVELS    = 2;

  generate
    if (BURST_BEATS < 1 || BURST_BEATS > 256 || BURST_BEATS != (1 << $clog2(BURST_BEATS)))
    begin : gen_bad_burst_beats
      npu_burst_BURST_BEATS_must_be_a_power_of_two_1_to_256 bad_parameter ();
    end
  endgenerate

  logic [ADDRESS_BITS-1:0] done_q;           // bytes of the segment behind us
  logic [BEATS_BITS-1:0]   left_q;           // beats of the segment ahead
  logic [BEATS_BITS-1:0]   segment_beats_q;

  wire [LEVELS-1:0] first, last;
  wire [ADDRESS_BITS-1:0] segment;
  wire unused = &{1'b0, first};

  // What the burst at hand is, worked out from the registers below and held in those of the outputs.

  wire [ADDRESS_BITS-1:0] address = segment + done_q;
  wire [PAGE_BEATS_BITS-1:0] to_page = PAGE_BEATS_BITS'(1 << (PAGE_BITS - BUS_LOG2)) -
      {1'b0, address[PAGE_BITS-1:BUS_LOG2]};
  wire [BEATS_BITS-1:0] in_page =
      left_q < BEATS_BITS'(to_page) ? left_q : BEATS_BITS'(to_page);

  wire [BURST_BITS-1:0] beats = in_page < BEATS_BITS'(BURST_BEATS) ?
      in_page[BURST_BITS-1:0] : BURST_BITS'(BURST_BEATS);

  logic ends_q;  // the segment, with this burst

  always_ff @(posedge clk_i) begin
    address_o <= address;
    beats_o   <= beats;
    ends_q    <= left_q == BEATS_BITS'(beats);
    last_o    <= left_q == BEATS_BITS'(beats) && (&last);
  end

  npu_nest #(
      .LEVELS(LEVELS),
      .COUNT_BITS(COUNT_BITS)
  ) nest (
      .clk_i   (clk_i),
      .load_i  (load_i),
      .step_i  (step_i && ends_q),
      .counts_i({blocks_i, rows_i}),
      .first_o (first),
      .last_o  (last)
  );

  npu_nest_address #(
      .LEVELS(LEVELS),
      .ADDRESS_BITS(ADDRESS_BITS)
  ) nest_address (
      .clk_i    (clk_i),
      .load_i   (load_i),
      .step_i   (step_i && ends_q),
      .last_i   (last),
      .base_i   (base_i),
      .strides_i({block_stride_i, row_stride_i}),
      .address_o(segment)
  );

  always_ff @(posedge clk_i) begin
    if (load_i) begin
      segment_beats_q <= segment_beats_i;
      left_q          <= segment_beats_i;
      done_q          <= '0;
    end else if (step_i) begin
      left_q <= ends_q ? segment_beats_q : left_q - BEATS_BITS'(beats_o);
      done_q <= ends_q ? '0 : done_q + (ADDRESS_BITS'(beats_o) << BUS_LOG2);
    end
  end

endmodule

`default_nettype wire
