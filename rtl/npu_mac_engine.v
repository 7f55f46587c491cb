// mac_engine: control of a MAC: passes of activations, weight tiles one pass ahead, accumulators.
//
//   for ob, cb, kh, kw: a pass: for y, x: one ACT word a cycle
//   cb counts weight tiles: SLICES = ceil(SIZE / ROWS) of them for the lanes of one ACT word, or
//   WORDS = ROWS / SIZE words for one of them, which are read at once
//   s_0 = I + 1 + load,  s_{t+1} = s_t + max(P, load),  load = rows + MAC_LOAD_CYCLES + decode
//
// | stage      | activations                                  | weights                        |
// |------------|----------------------------------------------|--------------------------------|
// | 0          | ACT address, pass t from s_t on              | WGT address of tile t+1, row 0 |
// | 1          | bank's output; operand_*_o                   | bank's output                  |
// | 2          | memory output                                | memory output                  |
// | 3          | xe of the lanes; swap_o                      | code register                  |
// | 4          | operands of the array                        | (npu_weight_loader)            |
// | 4 + column | sums of the array; acc_clear_o; ACC output   |                                |
// | 5 + column | ACC + sum; acc_write_o                       |                                |
// | 6 + column | R of the last                                |                                |
//
// column = latency of npu_pe_column. The ACC address is out ISA_READ_CYCLES before the sums.
// Law: docs/architecture.md, sections 2 and 4

`default_nettype none

module npu_mac_engine #(
    parameter  int SIZE = 4,
    parameter  int ROWS = 4,
    parameter  int LINE_WORDS = 0,  // pixels of a row that npu_lines keeps; 0: no window
    localparam int INSTRUCTION_BITS = 128,
    localparam int REGISTERS        = 14,
    localparam int WORD_BITS        = 16,
    localparam int ROW_BITS         = $clog2(ROWS),
    localparam int SLICES           = (SIZE + ROWS - 1) / ROWS,
    localparam int WORDS            = (ROWS + SIZE - 1) / SIZE,
    localparam int SLICE_BITS       = (SLICES > 1) ? $clog2(SLICES) : 1,
    localparam int REGIONS          = 3,
    localparam int COLUMN_BITS      = 9
) (
    input  wire                         clk_i,
    input  wire                         rst_i,

    // control
    input  wire  [INSTRUCTION_BITS-1:0] head_i,
    input  wire  [INSTRUCTION_BITS-1:0] current_i,
    input  wire  [REGISTERS*32-1:0]     registers_i,
    input  wire                         prepare_i,         // takes the operands of the head
    input  wire                         issue_i,
    output wire                         retire_o,
    output logic                        busy_o,            // I + 1 .. R

    // scratchpads
    output wire  [WORDS-1:0]            act_read_o,
    output wire  [WORDS*WORD_BITS-1:0]  act_address_o,
    output wire                         wgt_read_o,
    output wire  [WORD_BITS-1:0]        wgt_address_o,

    // memory output of the weights, and the shadow register
    output wire                         code_valid_o,
    output wire  [2:0]                  code_shift_o,
    output wire                         code_spans_o,
    output wire                         shadow_write_o,
    output wire  [ROW_BITS-1:0]         shadow_row_o,

    // stage 1 of the activations
    output logic                        operand_valid_o,
    output logic [ROWS-1:0]             operand_active_o,  // rows that count
    output logic [SLICE_BITS-1:0]       operand_slice_o,   // slice of the word that they multiply
    output logic                        operand_first_o,   // x = 0
    output logic [1:0]                  operand_above_o,   // rows before this one, in this pass
    output wire                         swap_o,            // stage 3 of the first word of a pass

    // depthwise window: columns of pixels, stages 1 and 2
    output logic                        column_read_o,
    output logic [COLUMN_BITS-1:0]      column_o,
    output logic                        column_write_o,
    output logic [COLUMN_BITS-1:0]      column_written_o,

    // accumulators
    output wire  [REGIONS-1:0]          acc_read_o,
    output wire  [WORD_BITS-1:0]        acc_read_address_o,
    output wire                         acc_clear_o,
    output wire  [REGIONS-1:0]          acc_write_o,
    output wire  [WORD_BITS-1:0]        acc_write_address_o,
    output wire                         acc_final_o        // of the last reduction tile
);

  `include "generated/npu_isa.vh"
  `include "generated/npu_latency.vh"

  localparam int LEVELS = 6;
  localparam int SWAP_CYCLES   = 3;
  localparam int COLUMN_CYCLES = 1 + latency_pe_column(ROWS);  // with the register before it
  localparam int RETIRE_CYCLES =
      ISA_MAC_DRAIN_CYCLES + LATENCY_SUBTRACT_ZERO_POINT + latency_pe_column(ROWS);
  localparam int LOAD_CYCLES = ISA_MAC_LOAD_CYCLES + LATENCY_WEIGHT_DECODE;  // beside the rows
  localparam int ACC_BITS = WORD_BITS + 3;  // what travels beside the operands

  wire [31:0] tile   = registers_i[MX_R_MAC_TILE*32+:32];
  wire [31:0] output_register = registers_i[MX_R_MAC_OUTPUT*32+:32];
  wire [31:0] form   = registers_i[MX_R_MAC_FORMAT*32+:32];
  wire [7:0] rows      = tile[MX_R_MAC_TILE_ROWS_L+:MX_R_MAC_TILE_ROWS_W];
  wire [7:0] row_first = tile[MX_R_MAC_TILE_ROW_FIRST_L+:MX_R_MAC_TILE_ROW_FIRST_W];
  wire [7:0] row_end   = tile[MX_R_MAC_TILE_ROW_END_L+:MX_R_MAC_TILE_ROW_END_W];
  wire [15:0] acc_stride =
      output_register[MX_R_MAC_OUTPUT_ACC_STRIDE_L+:MX_R_MAC_OUTPUT_ACC_STRIDE_W];
  wire [7:0] warm = output_register[MX_R_MAC_OUTPUT_WARM_L+:MX_R_MAC_OUTPUT_WARM_W];
  wire [7:0] emit_step = output_register[MX_R_MAC_OUTPUT_STEP_L+:MX_R_MAC_OUTPUT_STEP_W];
  wire [1:0] row_warm = form[MX_R_MAC_FORMAT_ROW_WARM_L+:MX_R_MAC_FORMAT_ROW_WARM_W];
  wire [4:0] row_skip = form[MX_R_MAC_FORMAT_ROW_SKIP_L+:MX_R_MAC_FORMAT_ROW_SKIP_W];
  wire [3:0] bits = form[MX_R_MAC_FORMAT_BITS_L+:MX_R_MAC_FORMAT_BITS_W];
  wire [MX_R_MAC_FORMAT_FORMAT_W-1:0] weight_format =
      form[MX_R_MAC_FORMAT_FORMAT_L+:MX_R_MAC_FORMAT_FORMAT_W];
  wire is_pwlq = weight_format == MX_R_MAC_FORMAT_FORMAT_W'(FORMAT_PWLQ);
  wire stores_region =  // one bit more than b
      is_pwlq || weight_format == MX_R_MAC_FORMAT_FORMAT_W'(FORMAT_PWLQ_DOUBLE);
  wire accumulate = current_i[MAC_ACCUMULATE_L];
  wire depthwise  = current_i[MAC_DEPTHWISE_L];
  wire window     = LINE_WORDS != 0 && depthwise && current_i[MAC_WINDOW_L];
  wire unused = &{1'b0, head_i, current_i, registers_i, tile, form};

  // The nest: x, y inside a pass; kw, kh, cb, ob from pass to pass.

  logic active_q;       // addresses remain
  logic pass_begins_q;  // the next address is the first of a pass
  logic tile0_q;        // cycle I + 1
  logic [8:0] load_left_q;  // cycles until the shadow register is complete
  logic loaded_q;           // it is: none are left

  wire [LEVELS-1:0] first, last;
  wire unused_first = &{1'b0, first};
  wire step = active_q && (!pass_begins_q || loaded_q);
  wire pass_begins = step && pass_begins_q;
  wire pass_ends   = step && last[0] && last[1];
  wire first_reduction = first[2] && first[3] && first[4];
  wire last_reduction  = last[2] && last[3] && last[4];
  wire last_pass = last_reduction && last[5];
  wire [8:0] load = 9'(rows) + 9'(LOAD_CYCLES);

  // The slice of an ACT word that a tile multiplies; behind the last one comes the next block.

  wire [SLICE_BITS-1:0] slice;
  wire slice_is_last;
  wire block_ends = pass_ends && last[2] && last[3];

  generate
    if (SLICES > 1) begin : gen_slices
      logic [SLICE_BITS-1:0] slice_q;
      wire [SLICE_BITS-1:0] first_slice = form[MX_R_MAC_FORMAT_SLICE_L+:SLICE_BITS];

      assign slice         = slice_q;
      assign slice_is_last = slice_q == SLICE_BITS'(SLICES - 1);

      always_ff @(posedge clk_i) begin
        if (prepare_i || (block_ends && last[4])) slice_q <= first_slice;
        else if (block_ends) slice_q <= slice_is_last ? '0 : slice_q + 1'b1;
      end
    end else begin : gen_whole_words
      wire unused_block = block_ends;
      assign slice         = '0;
      assign slice_is_last = 1'b1;
    end
  endgenerate

  // The words of a tile: those that any of its rows needs.

  wire [WORD_BITS-1:0] word_stride = registers_i[MX_R_MAC_CB*32+16+:16];
  wire [WORD_BITS-1:0] tile_address, tile_stride;
  wire [WORD_BITS-1:0] block_stride = slice_is_last ? tile_stride : WORD_BITS'(0);

  assign act_read_o[0] = step;
  assign act_address_o[WORD_BITS-1:0] = tile_address;

  genvar g;
  generate
    if (WORDS > 1) begin : gen_words
      wire [7:0] tile_words = depthwise ? 8'd1 : ((rows - 1'b1) >> $clog2(SIZE)) + 1'b1;

      assign tile_stride = WORD_BITS'(tile_words * word_stride);

      for (g = 1; g < WORDS; g = g + 1) begin : word
        assign act_read_o[g] = step && !depthwise && rows > 8'(g * SIZE) &&
            (!last[4] || row_end > 8'(g * SIZE));
        assign act_address_o[g*WORD_BITS+:WORD_BITS] =
            act_address_o[(g-1)*WORD_BITS+:WORD_BITS] + word_stride;
      end
    end else begin : gen_one_word
      assign tile_stride = word_stride;
    end
  endgenerate

  npu_nest #(
      .LEVELS(LEVELS),
      .COUNT_BITS(16)
  ) nest (
      .clk_i   (clk_i),
      .load_i  (prepare_i),
      .step_i  (step),
      .counts_i({registers_i[MX_R_MAC_OB*32+:16], registers_i[MX_R_MAC_CB*32+:16],
                 registers_i[MX_R_MAC_KH*32+:16], registers_i[MX_R_MAC_KW*32+:16],
                 registers_i[MX_R_MAC_Y*32+:16], registers_i[MX_R_MAC_X*32+:16]}),
      .first_o (first),
      .last_o  (last)
  );

  npu_nest_address #(
      .LEVELS(LEVELS),
      .ADDRESS_BITS(WORD_BITS)
  ) nest_address (
      .clk_i    (clk_i),
      .load_i   (prepare_i),
      .step_i   (step),
      .last_i   (last),
      .base_i   (head_i[MAC_ACT_L+:MAC_ACT_W]),
      .strides_i({registers_i[MX_R_MAC_OB*32+16+:16], block_stride,
                  registers_i[MX_R_MAC_KH*32+16+:16], registers_i[MX_R_MAC_KW*32+16+:16],
                  registers_i[MX_R_MAC_Y*32+16+:16], registers_i[MX_R_MAC_X*32+16+:16]}),
      .address_o(tile_address)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      active_q      <= 1'b0;
      pass_begins_q <= 1'b0;
      tile0_q       <= 1'b0;
      busy_o        <= 1'b0;
    end else begin
      tile0_q <= issue_i;
      if (issue_i) busy_o <= 1'b1;
      else if (retire_o) busy_o <= 1'b0;
      if (issue_i) begin
        active_q      <= 1'b1;
        pass_begins_q <= 1'b1;
      end else if (step) begin
        pass_begins_q <= pass_ends;
        if (pass_ends && last_pass) active_q <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (issue_i) load_left_q <= load;
    else if (pass_begins) load_left_q <= load - 1'b1;
    else if (!loaded_q) load_left_q <= load_left_q - 1'b1;
    loaded_q <= !issue_i && !pass_begins && load_left_q <= 9'd1;
  end

  npu_weight_loader #(
      .ROWS(ROWS)
  ) weight_loader (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .load_i   (prepare_i),
      .base_i   (head_i[MAC_WGT_L+:MAC_WGT_W]),
      .go_i     (tile0_q || (pass_begins && !last_pass)),
      .rows_i   (rows),
      .width_i  (stores_region ? bits + 1'b1 : bits),
      .read_o   (wgt_read_o),
      .address_o(wgt_address_o),
      .valid_o  (code_valid_o),
      .shift_o  (code_shift_o),
      .spans_o  (code_spans_o),
      .write_o  (shadow_write_o),
      .row_o    (shadow_row_o)
  );

  // Operands: which rows count is the same for a whole pass.

  wire [ROWS-1:0] active;
  logic [1:0] above_q;

  genvar r;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : row
      assign active[r] = 8'(r) < rows && (!first[4] || 8'(r) >= row_first) &&
          (!last[4] || 8'(r) < row_end);
    end
  endgenerate

  always_ff @(posedge clk_i) begin
    if (rst_i) operand_valid_o <= 1'b0;
    else operand_valid_o <= step;
    if (step) begin
      operand_active_o <= active;
      operand_slice_o  <= slice;
      operand_first_o  <= first[0];
      operand_above_o  <= above_q;
    end
  end

  npu_delay #(
      .WIDTH (1),
      .CYCLES(SWAP_CYCLES)
  ) until_swap (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i(pass_begins),
      .data_o(swap_o)
  );

  // The lines of a window: the column that is read, and how many rows were.

  logic [COLUMN_BITS-1:0] column_q;

  always_ff @(posedge clk_i) begin
    if (prepare_i) begin
      column_q <= '0;
      above_q  <= '0;
    end else if (step) begin
      column_q <= last[0] ? '0 : column_q + 1'b1;
      if (pass_ends) above_q <= '0;
      else if (last[0]) above_q <= {above_q[0], 1'b1};
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) {column_write_o, column_read_o} <= '0;
    else {column_write_o, column_read_o} <= {column_read_o, step && window};
    {column_written_o, column_o} <= {column_o, column_q};
  end

  // Results: which reads have one, and where it goes.

  logic [4:0] until_row_q;
  wire [4:0] until_row = first[1] ? 5'(row_warm) : until_row_q;
  wire row_emits = !window || until_row == '0;

  always_ff @(posedge clk_i) begin
    if (step && last[0]) until_row_q <= (until_row == '0) ? row_skip : until_row - 1'b1;
  end

  logic [7:0] until_emit_q;
  logic [WORD_BITS-1:0] acc_base_q, result_q;

  wire [7:0] until_emit = first[0] ? warm : until_emit_q;
  wire emit = step && (!depthwise || (until_emit == '0 && row_emits));
  wire [WORD_BITS-1:0] acc_address = acc_base_q + result_q;

  always_ff @(posedge clk_i) begin
    if (step) until_emit_q <= (until_emit == '0) ? emit_step - 1'b1 : until_emit - 1'b1;
    if (prepare_i) acc_base_q <= head_i[MAC_ACC_L+:MAC_ACC_W];
    else if (pass_ends && last_reduction) acc_base_q <= acc_base_q + acc_stride;
    if (prepare_i || pass_ends) result_q <= '0;
    else if (emit) result_q <= result_q + 1'b1;
  end

  wire [ACC_BITS-1:0] read_stage, sum_stage, write_stage;
  wire [REGIONS-1:0] of_format = {{REGIONS - 1{is_pwlq}}, 1'b1};
  wire unused_stage = &{1'b0, sum_stage[ACC_BITS-1], write_stage[ACC_BITS-2], read_stage, sum_stage,
                        write_stage};

  npu_delay #(
      .WIDTH (ACC_BITS),
      .CYCLES(LATENCY_SUBTRACT_ZERO_POINT + COLUMN_CYCLES)
  ) until_read (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i({emit, first_reduction && !accumulate, last_reduction, acc_address}),
      .data_o(read_stage)
  );

  npu_delay #(
      .WIDTH (ACC_BITS),
      .CYCLES(ISA_READ_CYCLES)
  ) until_sum (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i(read_stage),
      .data_o(sum_stage)
  );

  npu_delay #(
      .WIDTH (ACC_BITS),
      .CYCLES(LATENCY_ACCUMULATE)
  ) until_write (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i(sum_stage),
      .data_o(write_stage)
  );

  assign acc_read_o          =
      of_format & {REGIONS{read_stage[WORD_BITS+2] && !read_stage[WORD_BITS+1]}};
  assign acc_read_address_o  = read_stage[WORD_BITS-1:0];
  assign acc_clear_o         = sum_stage[WORD_BITS+1];
  assign acc_write_o         = of_format & {REGIONS{write_stage[WORD_BITS+2]}};
  assign acc_write_address_o = write_stage[WORD_BITS-1:0];
  assign acc_final_o         = write_stage[WORD_BITS];

  npu_delay #(
      .WIDTH (1),
      .CYCLES(RETIRE_CYCLES)
  ) until_retire (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i(pass_ends && last_pass),
      .data_o(retire_o)
  );

endmodule

`default_nettype wire
