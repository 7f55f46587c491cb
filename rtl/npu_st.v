// st: ACT -> DRAM, three-dimensional.
//
//   for b, y, x: the first element_beats beats of ACT word address + b*act_block_stride +
//   y*act_row_stride + x go to the segments, in order
//
// | cycle | requests                      | words                                      |
// |-------|-------------------------------|--------------------------------------------|
// | I     | operands taken                | operands taken                             |
// | I + 1 | first burst worked out        | first ACT address                          |
// | I + 2 | it is there                   | bank's output                              |
// | I + 3 | first awvalid, accepted at h  | memory output                              |
// | I + 4 |                               | in the buffer of DEPTH words               |
// | h + 1 | beats of the burst            | taken beat by beat                         |
//
// The burst after the last beat w of a burst is there in w + 1. R = last answer + 1.
// Law: docs/architecture.md, sections 2 and 5

`default_nettype none

module npu_st #(
    parameter  int SIZE        = 4,
    parameter  int BUS_BYTES   = 4,
    parameter  int BURST_BEATS = 16,
    parameter  int ACT_BANKS   = 8,
    localparam int ADDRESS_BITS     = 32,
    localparam int WORD_BITS        = 16,
    localparam int INSTRUCTION_BITS = 128,
    localparam int BANK_BITS        = 8,
    localparam int CLAIM_BITS       = 20,
    localparam int REGISTERS        = 4,
    localparam int REGIONS          = 8
) (
    input  wire                             clk_i,
    input  wire                             rst_i,

    // control
    input  wire  [INSTRUCTION_BITS-1:0]     head_i,       // instruction that may be issued
    input  wire  [INSTRUCTION_BITS-1:0]     current_i,    // instruction that runs
    input  wire  [REGISTERS*32-1:0]         registers_i,
    input  wire  [REGIONS*ADDRESS_BITS-1:0] regions_i,
    output wire                             operand_o,    // the head's operands are not legal
    output wire  [CLAIM_BITS-1:0]           claims_o,     // banks that the head names
    input  wire                             prepare_i,    // takes the operands of the head
    input  wire                             issue_i,
    output wire                             retire_o,
    output wire                             axi_o,        // a burst was answered with an error

    // AXI write port
    output logic [ADDRESS_BITS-1:0]         awaddr_o,
    output logic [7:0]                      awlen_o,
    output logic                            awvalid_o,
    input  wire                             awready_i,
    output wire  [BUS_BYTES*8-1:0]          wdata_o,
    output wire                             wlast_o,
    output logic                            wvalid_o,
    input  wire                             wready_i,
    input  wire  [1:0]                      bresp_i,
    input  wire                             bvalid_i,
    output wire                             bready_o,

    // ACT
    output wire                             read_o,
    output wire  [WORD_BITS-1:0]            address_o,
    output wire  [BANK_BITS-1:0]            banks_o,
    input  wire  [SIZE*8-1:0]               data_i        // ISA_READ_CYCLES after the address
);

  `include "generated/npu_isa.vh"

  localparam int BUS_LOG2  = $clog2(BUS_BYTES);
  localparam int K         = SIZE / BUS_BYTES;  // beats of an ACT word
  localparam int BEAT_BITS = $clog2(K) + 1;
  localparam int LEVELS    = 3;
  localparam int DEPTH     = 4;  // three words are on their way before the first can be taken
  localparam int DEPTH_BITS = $clog2(DEPTH);

  wire [31:0] row_stride   = registers_i[ST_R_ROW_STRIDE*32+:32];
  wire [31:0] block_stride = registers_i[ST_R_BLOCK_STRIDE*32+:32];
  wire [31:0] act_stride   = registers_i[ST_R_ACT_STRIDE*32+:32];
  wire [31:0] element      = registers_i[ST_R_ELEMENT*32+:32];
  wire [7:0] element_beats = element[ST_R_ELEMENT_BEATS_L+:ST_R_ELEMENT_BEATS_W];
  wire unused = &{1'b0, element[31:8], head_i, current_i};

  // Kept a cycle: a CFG writes registers in its cycle I, and nothing issues there before I + 2.
  logic element_bad_q;

  always_ff @(posedge clk_i) element_bad_q <= element_beats == '0 || element_beats > 8'(K);

  // What the head asks for.

  wire [BANK_BITS-1:0] head_banks = head_i[ST_BANKS_L+:ST_BANKS_W];
  wire bad_extent = head_i[ST_COLUMNS_L+:ST_COLUMNS_W] == '0 ||
      head_i[ST_ROWS_L+:ST_ROWS_W] == '0 || head_i[ST_BLOCKS_L+:ST_BLOCKS_W] == '0;

  assign operand_o = bad_extent || element_bad_q || |(9'(head_banks) >> ACT_BANKS);
  assign claims_o = {12'h0, head_banks};

  wire [ADDRESS_BITS-1:0] region =
      regions_i[head_i[ST_REGION_L+:ST_REGION_W]*ADDRESS_BITS+:ADDRESS_BITS];
  wire [ADDRESS_BITS-1:0] base =
      region + (ADDRESS_BITS'(head_i[ST_OFFSET_L+:ST_OFFSET_W]) << BUS_LOG2);

  // The instruction that runs.

  wire [15:0] columns = current_i[ST_COLUMNS_L+:ST_COLUMNS_W];
  wire [15:0] rows    = current_i[ST_ROWS_L+:ST_ROWS_W];
  wire [15:0] blocks  = 16'(current_i[ST_BLOCKS_L+:ST_BLOCKS_W]);

  assign banks_o = current_i[ST_BANKS_L+:ST_BANKS_W];

  // Requests, one burst after the other.

  logic start_q;      // the first burst is worked out in this cycle
  logic plan_q;       // the next burst is there
  logic final_q;      // no burst follows
  logic [8:0] left_q; // beats left in the burst
  logic [31:0] open_q;// bursts without an answer
  wire [ADDRESS_BITS-1:0] burst_address;
  wire [8:0] burst_beats;
  wire burst_last;

  wire beat   = wvalid_o && wready_i;
  wire answer = bvalid_i && bready_o;

  npu_burst #(
      .BUS_BYTES(BUS_BYTES),
      .BURST_BEATS(BURST_BEATS)
  ) burst (
      .clk_i          (clk_i),
      .load_i         (prepare_i),
      .base_i         (base),
      .segment_beats_i(32'(head_i[ST_COLUMNS_L+:ST_COLUMNS_W]) * 32'(element_beats)),
      .rows_i         (rows),
      .blocks_i       (blocks),
      .row_stride_i   (row_stride << BUS_LOG2),
      .block_stride_i (block_stride << BUS_LOG2),
      .step_i         (plan_q),
      .address_o      (burst_address),
      .beats_o        (burst_beats),
      .last_o         (burst_last)
  );

  assign wlast_o  = left_q == 9'd1;
  assign bready_o = 1'b1;

  logic sent_q;  // every beat of the instruction has gone

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      start_q   <= 1'b0;
      plan_q    <= 1'b0;
      awvalid_o <= 1'b0;
      wvalid_o  <= 1'b0;
      sent_q    <= 1'b0;
      open_q    <= '0;
    end else begin
      start_q <= issue_i;
      plan_q  <= start_q || (beat && wlast_o && !final_q);
      if (plan_q) begin
        awvalid_o <= 1'b1;
        awaddr_o  <= burst_address;
        awlen_o   <= 8'(burst_beats - 1'b1);
        left_q    <= burst_beats;
        final_q   <= burst_last;
      end else if (awready_i) awvalid_o <= 1'b0;
      if (awvalid_o && awready_i) wvalid_o <= 1'b1;
      else if (beat && wlast_o) wvalid_o <= 1'b0;
      if (beat) left_q <= left_q - 1'b1;
      if (issue_i || retire_o) sent_q <= 1'b0;
      else if (beat && wlast_o && final_q) sent_q <= 1'b1;
      open_q <= open_q + {31'h0, awvalid_o && awready_i} - {31'h0, answer};
    end
  end

  assign retire_o = sent_q && open_q == '0;
  assign axi_o    = answer && (|bresp_i);

  // Words, read ahead into a small buffer.

  logic walk_q;
  wire coming;                        // data_i is a word
  logic [DEPTH_BITS:0] held_q;        // words in the buffer or on their way
  logic [DEPTH_BITS-1:0] head_q, tail_q;
  logic [SIZE*8-1:0] word_q[DEPTH];
  logic [BEAT_BITS-1:0] beat_q;
  wire [LEVELS-1:0] first, last;
  wire taken = beat && 8'(beat_q) == element_beats - 1'b1;
  wire unused_first = &{1'b0, first};

  assign read_o = walk_q && !held_q[DEPTH_BITS];

  npu_nest #(
      .LEVELS(LEVELS),
      .COUNT_BITS(16)
  ) nest (
      .clk_i   (clk_i),
      .load_i  (prepare_i),
      .step_i  (read_o),
      .counts_i({blocks, rows, columns}),
      .first_o (first),
      .last_o  (last)
  );

  npu_nest_address #(
      .LEVELS(LEVELS),
      .ADDRESS_BITS(WORD_BITS)
  ) nest_address (
      .clk_i    (clk_i),
      .load_i   (prepare_i),
      .step_i   (read_o),
      .last_i   (last),
      .base_i   (head_i[ST_ADDRESS_L+:ST_ADDRESS_W]),
      .strides_i({act_stride[ST_R_ACT_STRIDE_BLOCK_L+:ST_R_ACT_STRIDE_BLOCK_W],
                  act_stride[ST_R_ACT_STRIDE_ROW_L+:ST_R_ACT_STRIDE_ROW_W], WORD_BITS'(1)}),
      .address_o(address_o)
  );

  npu_delay #(
      .WIDTH (1),
      .CYCLES(ISA_READ_CYCLES)
  ) until_word (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i(read_o),
      .data_o(coming)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      walk_q   <= 1'b0;
      held_q   <= '0;
      head_q   <= '0;
      tail_q   <= '0;
      beat_q   <= '0;
    end else begin
      if (issue_i) walk_q <= 1'b1;
      else if (read_o && (&last)) walk_q <= 1'b0;
      held_q   <= held_q + {{DEPTH_BITS{1'b0}}, read_o} - {{DEPTH_BITS{1'b0}}, taken};
      if (coming) tail_q <= tail_q + 1'b1;
      if (taken) head_q <= head_q + 1'b1;
      if (taken) beat_q <= '0;
      else if (beat) beat_q <= beat_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (coming) word_q[tail_q] <= data_i;
  end

  wire [SIZE*8-1:0] word = word_q[head_q];

  assign wdata_o = word[beat_q*(BUS_BYTES*8)+:BUS_BYTES*8];

endmodule

`default_nettype wire
