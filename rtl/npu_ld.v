// ld: DRAM -> one scratchpad, three-dimensional, padded on four sides.
//
//   for b, y in 0..top+rows+bottom-1, x in 0..left+columns+right-1:
//     word at address + b*act_block_stride + y*act_row_stride + x =
//       inside the pads: element_beats beats of DRAM, then fill;  else fill
//   plain: columns whole words, contiguous
//
// | cycle       | requests                    | words                                       |
// |-------------|-----------------------------|---------------------------------------------|
// | I           | operands taken              | operands taken                              |
// | I + 1       | first burst worked out      | the walk stands at the first word           |
// | I + 2       | it is there                 | a padding word a cycle, or a beat           |
// | I + 3       | first arvalid               |                                             |
// | last + 1    |                             | the last word is written                    |
// | last + 2    |                             | R                                           |
//
// Law: docs/architecture.md, sections 2 and 5

`default_nettype none

module npu_ld #(
    parameter  int SIZE        = 4,
    parameter  int BUS_BYTES   = 4,
    parameter  int BURST_BEATS = 16,
    parameter  int ACT_BANKS   = 8,
    parameter  int WGT_BANKS   = 2,
    parameter  int PAR_BANKS   = 2,
    localparam int ADDRESS_BITS     = 32,
    localparam int WORD_BITS        = 16,
    localparam int INSTRUCTION_BITS = 128,
    localparam int BANK_BITS        = 8,
    localparam int CLAIM_BITS       = 20,
    localparam int REGISTERS        = 5,
    localparam int REGIONS          = 8,
    localparam int TARGETS          = 3
) (
    input  wire                            clk_i,
    input  wire                            rst_i,

    // control
    input  wire  [INSTRUCTION_BITS-1:0]    head_i,       // instruction that may be issued
    input  wire  [INSTRUCTION_BITS-1:0]    current_i,    // instruction that runs
    input  wire  [REGISTERS*32-1:0]        registers_i,
    input  wire  [REGIONS*ADDRESS_BITS-1:0] regions_i,
    output wire                            operand_o,    // the head's operands are not legal
    output wire  [CLAIM_BITS-1:0]          claims_o,     // banks that the head names
    input  wire                            prepare_i,    // takes the operands of the head
    input  wire                            issue_i,
    output wire                            retire_o,
    output wire                            axi_o,        // a beat came with an error

    // AXI read port
    output logic [ADDRESS_BITS-1:0]        araddr_o,
    output logic [7:0]                     arlen_o,
    output logic                           arvalid_o,
    input  wire                            arready_i,
    input  wire  [BUS_BYTES*8-1:0]         rdata_i,
    input  wire  [1:0]                     rresp_i,
    input  wire                            rvalid_i,
    output wire                            rready_o,

    // scratchpads
    output logic [TARGETS-1:0]             write_o,      // into ACT, WGT, PAR
    output logic [WORD_BITS-1:0]           address_o,
    output wire  [BANK_BITS-1:0]           banks_o,
    output logic [4*SIZE*8-1:0]            data_o        // ACT, WGT: the low SIZE bytes
);

  `include "generated/npu_isa.vh"

  localparam int BUS_LOG2 = $clog2(BUS_BYTES);
  localparam int K        = SIZE / BUS_BYTES;  // beats of an ACT or WGT word
  localparam int PAR_K    = 4 * K;
  localparam int BEAT_BITS = $clog2(PAR_K) + 1;
  localparam int SPAN_BITS = 17;               // pads and elements of a row
  localparam int LEVELS    = 3;

  generate
    if (BUS_BYTES > SIZE) begin : gen_bad_bus_bytes
      npu_ld_BUS_BYTES_must_be_at_most_SIZE bad_parameter ();
    end
  endgenerate

  // Registers.

  wire [31:0] row_stride   = registers_i[LD_R_ROW_STRIDE*32+:32];
  wire [31:0] block_stride = registers_i[LD_R_BLOCK_STRIDE*32+:32];
  wire [31:0] act_stride   = registers_i[LD_R_ACT_STRIDE*32+:32];
  wire [31:0] element      = registers_i[LD_R_ELEMENT*32+:32];
  wire [31:0] pads         = registers_i[LD_R_PADS*32+:32];
  wire [7:0] element_beats = element[LD_R_ELEMENT_BEATS_L+:LD_R_ELEMENT_BEATS_W];
  wire [7:0] fill          = element[LD_R_ELEMENT_FILL_L+:LD_R_ELEMENT_FILL_W];
  wire unused = &{1'b0, element[31:16], head_i, current_i};

  // Kept a cycle: a CFG writes registers in its cycle I, and nothing issues there before I + 2.
  logic element_bad_q;

  always_ff @(posedge clk_i) element_bad_q <= element_beats == '0 || element_beats > 8'(K);

  // What the head asks for: legality, banks, segments.

  wire [LD_TARGET_W-1:0]  head_target  = head_i[LD_TARGET_L+:LD_TARGET_W];
  wire [LD_COLUMNS_W-1:0] head_columns = head_i[LD_COLUMNS_L+:LD_COLUMNS_W];
  wire [BANK_BITS-1:0]    head_banks   = head_i[LD_BANKS_L+:LD_BANKS_W];
  wire to_act = head_target == LD_TARGET_W'(TARGET_ACT);
  wire to_wgt = head_target == LD_TARGET_W'(TARGET_WGT);
  wire to_par = head_target == LD_TARGET_W'(TARGET_PAR);
  wire head_plain = !to_act || head_i[LD_PLAIN_L];

  wire bad_extent = head_columns == '0 || (!head_plain &&
      (head_i[LD_ROWS_L+:LD_ROWS_W] == '0 || head_i[LD_BLOCKS_L+:LD_BLOCKS_W] == '0));
  wire bad_element = !head_plain && element_bad_q;
  wire bad_banks = (to_act && |(9'(head_banks) >> ACT_BANKS)) ||
      (to_wgt && |(9'(head_banks) >> WGT_BANKS)) || (to_par && |(9'(head_banks) >> PAR_BANKS));

  assign operand_o = (!to_act && !to_wgt && !to_par) || bad_extent || bad_element || bad_banks;
  assign claims_o  = {4'h0, to_par ? head_banks[3:0] : 4'h0, to_wgt ? head_banks[3:0] : 4'h0,
                      to_act ? head_banks : 8'h0};

  wire [ADDRESS_BITS-1:0] region =
      regions_i[head_i[LD_REGION_L+:LD_REGION_W]*ADDRESS_BITS+:ADDRESS_BITS];
  wire [ADDRESS_BITS-1:0] base =
      region + (ADDRESS_BITS'(head_i[LD_OFFSET_L+:LD_OFFSET_W]) << BUS_LOG2);
  wire [7:0] top    = head_plain ? 8'd0 : pads[LD_R_PADS_TOP_L+:LD_R_PADS_TOP_W];
  wire [7:0] bottom = head_plain ? 8'd0 : pads[LD_R_PADS_BOTTOM_L+:LD_R_PADS_BOTTOM_W];
  wire [7:0] left   = head_plain ? 8'd0 : pads[LD_R_PADS_LEFT_L+:LD_R_PADS_LEFT_W];
  wire [7:0] right  = head_plain ? 8'd0 : pads[LD_R_PADS_RIGHT_L+:LD_R_PADS_RIGHT_W];
  wire [SPAN_BITS-1:0] beyond_x = SPAN_BITS'(left) + SPAN_BITS'(head_columns);
  wire [SPAN_BITS-1:0] beyond_y =
      SPAN_BITS'(top) + (head_plain ? SPAN_BITS'(1) : SPAN_BITS'(head_i[LD_ROWS_L+:LD_ROWS_W]));
  wire [7:0] head_word_beats = to_par ? 8'(PAR_K) : head_plain ? 8'(K) : element_beats;

  // The instruction that runs.

  wire is_act = current_i[LD_TARGET_L+:LD_TARGET_W] == LD_TARGET_W'(TARGET_ACT);
  wire is_wgt = current_i[LD_TARGET_L+:LD_TARGET_W] == LD_TARGET_W'(TARGET_WGT);
  wire is_par = current_i[LD_TARGET_L+:LD_TARGET_W] == LD_TARGET_W'(TARGET_PAR);
  wire is_plain = !is_act || current_i[LD_PLAIN_L];
  wire [15:0] rows    = is_plain ? 16'd1 : current_i[LD_ROWS_L+:LD_ROWS_W];
  wire [15:0] blocks  = is_plain ? 16'd1 : 16'(current_i[LD_BLOCKS_L+:LD_BLOCKS_W]);

  assign banks_o = current_i[LD_BANKS_L+:LD_BANKS_W];

  // Requests.

  logic start_q; // the first burst is worked out in this cycle
  logic plan_q;  // the next burst is there
  wire [ADDRESS_BITS-1:0] burst_address;
  wire [8:0] burst_beats;
  wire burst_last;
  logic more_q;  // bursts follow the one asked for

  npu_burst #(
      .BUS_BYTES(BUS_BYTES),
      .BURST_BEATS(BURST_BEATS)
  ) burst (
      .clk_i          (clk_i),
      .load_i         (prepare_i),
      .base_i         (base),
      .segment_beats_i(32'(head_columns) * 32'(head_word_beats)),
      .rows_i         (rows),
      .blocks_i       (blocks),
      .row_stride_i   (row_stride << BUS_LOG2),
      .block_stride_i (block_stride << BUS_LOG2),
      .step_i         (plan_q),
      .address_o      (burst_address),
      .beats_o        (burst_beats),
      .last_o         (burst_last)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      start_q   <= 1'b0;
      plan_q    <= 1'b0;
      arvalid_o <= 1'b0;
    end else begin
      start_q <= issue_i;
      plan_q  <= start_q || (arvalid_o && arready_i && more_q);
      if (plan_q) begin
        arvalid_o <= 1'b1;
        araddr_o  <= burst_address;
        arlen_o   <= 8'(burst_beats - 1'b1);
        more_q    <= !burst_last;
      end else if (arready_i) arvalid_o <= 1'b0;
    end
  end

  // Words.

  logic walk_q;                    // stands at a word
  logic [BEAT_BITS-1:0] beat_q;    // beats of the word that came
  logic [BEAT_BITS-1:0] last_beat_q;
  wire [LEVELS-1:0] first, last;
  wire [WORD_BITS-1:0] address;
  logic [SPAN_BITS-1:0] x_q, y_q;  // place in the padded block
  logic [7:0] left_q, top_q;       // pads, 0 of a plain one
  logic [SPAN_BITS-1:0] beyond_x_q, beyond_y_q;  // first place behind what is not padding
  logic [SPAN_BITS-1:0] width_q, height_q;       // of the padded block

  wire inner = x_q >= SPAN_BITS'(left_q) && x_q < beyond_x_q &&
      y_q >= SPAN_BITS'(top_q) && y_q < beyond_y_q;
  wire beat = rvalid_i && rready_o;
  wire word = walk_q && (!inner || (beat && beat_q == last_beat_q));
  wire unused_first = &{1'b0, first};

  assign rready_o = walk_q && inner;

  npu_nest #(
      .LEVELS(LEVELS),
      .COUNT_BITS(SPAN_BITS)
  ) nest (
      .clk_i   (clk_i),
      .load_i  (prepare_i),
      .step_i  (word),
      .counts_i({SPAN_BITS'(blocks), height_q, width_q}),
      .first_o (first),
      .last_o  (last)
  );

  npu_nest_address #(
      .LEVELS(LEVELS),
      .ADDRESS_BITS(WORD_BITS)
  ) nest_address (
      .clk_i    (clk_i),
      .load_i   (prepare_i),
      .step_i   (word),
      .last_i   (last),
      .base_i   (head_i[LD_ADDRESS_L+:LD_ADDRESS_W]),
      .strides_i({act_stride[LD_R_ACT_STRIDE_BLOCK_L+:LD_R_ACT_STRIDE_BLOCK_W],
                  act_stride[LD_R_ACT_STRIDE_ROW_L+:LD_R_ACT_STRIDE_ROW_W], WORD_BITS'(1)}),
      .address_o(address)
  );

  logic [1:0] drain_q;  // bit 0: the last word is written; bit 1: R

  assign retire_o = drain_q[1];
  assign axi_o    = beat && (|rresp_i);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      walk_q  <= 1'b0;
      drain_q <= '0;
      write_o <= '0;
    end else begin
      if (issue_i) walk_q <= 1'b1;
      else if (word && (&last)) walk_q <= 1'b0;
      drain_q <= {drain_q[0], word && (&last)};
      write_o <= word ? {is_par, is_wgt, is_act} : '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (prepare_i) begin
      x_q <= '0;
      y_q <= '0;
      last_beat_q <= BEAT_BITS'(head_word_beats - 1'b1);
      left_q     <= left;
      top_q      <= top;
      beyond_x_q <= beyond_x;
      beyond_y_q <= beyond_y;
      width_q    <= beyond_x + SPAN_BITS'(right);
      height_q   <= beyond_y + SPAN_BITS'(bottom);
    end else if (word) begin
      x_q <= last[0] ? '0 : x_q + 1'b1;
      if (last[0]) y_q <= last[1] ? '0 : y_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (prepare_i || word) beat_q <= '0;
    else if (beat) beat_q <= beat_q + 1'b1;
    if (word) address_o <= address;
    for (int b = 0; b < PAR_K; b = b + 1) begin
      if (beat && beat_q == BEAT_BITS'(b)) data_o[b*(BUS_BYTES*8)+:BUS_BYTES*8] <= rdata_i;
      else if (walk_q && beat_q == '0) data_o[b*(BUS_BYTES*8)+:BUS_BYTES*8] <= {BUS_BYTES{fill}};
    end
  end

endmodule

`default_nettype wire
