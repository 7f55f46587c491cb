// weight_loader: addresses of packed weight tiles, one row a cycle, and where its codes lie.
//
//   row r of a tile: bits r*w .. r*w+w-1 of each column's stream; the word with the last of these
//   bits is read, its predecessor was read with the row before
//
// | cycle     | signals                                                             |
// |-----------|---------------------------------------------------------------------|
// | go_i + r  | WGT address of row r                                                |
// | + 1       | memory output; valid_o, shift_o, spans_o                            |
// | + 2       | code register of each column                                        |
// | + 3       | npu_weight_decode; write_o, row_o: into the shadow register         |
//
// Law: docs/architecture.md, section 1 (weight tiles) and section 4

`default_nettype none

module npu_weight_loader #(
    parameter  int ROWS = 4,
    localparam int WORD_BITS = 16,
    localparam int ROW_BITS  = $clog2(ROWS),
    localparam int ROWS_BITS = 8
) (
    input  wire                  clk_i,
    input  wire                  rst_i,

    input  wire                  load_i,    // cycle I: the first tile is at base_i
    input  wire  [WORD_BITS-1:0] base_i,
    input  wire                  go_i,      // the next tile: row 0 in this cycle
    input  wire  [ROWS_BITS-1:0] rows_i,    // 1..ROWS, held
    input  wire  [3:0]           width_i,   // bits of a code, 2..8, held

    output wire                  read_o,
    output wire  [WORD_BITS-1:0] address_o,

    output logic                 valid_o,   // the memory's output is a row's word
    output logic [2:0]           shift_o,   // place of the code in the word of its first bit
    output logic                 spans_o,   // the code begins in the word before
    output wire                  write_o,   // the decoder's output goes into row row_o
    output wire  [ROW_BITS-1:0]  row_o
);

  localparam int BIT_BITS = ROW_BITS + 4;  // bits of a column's stream

  logic [WORD_BITS-1:0] tile_q;       // first word of the tile
  logic [ROWS_BITS-1:0] left_q;       // rows still to come
  logic [BIT_BITS-1:0]  last_bit_q;   // last bit of the row that comes next
  logic [ROW_BITS-1:0]  row_q;

  wire [BIT_BITS-1:0] width = BIT_BITS'(width_i);
  wire [BIT_BITS-1:0] last_bit  = go_i ? width - 1'b1 : last_bit_q;
  wire [BIT_BITS-1:0] first_bit = last_bit - width + 1'b1;
  wire [ROWS_BITS-1:0] left = go_i ? rows_i : left_q;
  wire [ROW_BITS-1:0] row = go_i ? '0 : row_q;

  assign read_o    = go_i || left_q != '0;
  assign address_o = tile_q + WORD_BITS'(last_bit[BIT_BITS-1:3]);

  always_ff @(posedge clk_i) begin
    if (rst_i) left_q <= '0;
    else if (read_o) left_q <= left - 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (load_i) tile_q <= base_i;
    else if (read_o && left == ROWS_BITS'(1)) tile_q <= address_o + 1'b1;
    if (read_o) begin
      last_bit_q <= last_bit + width;
      row_q      <= row + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else valid_o <= read_o;
  end

  logic [ROW_BITS-1:0] row_1q;

  always_ff @(posedge clk_i) begin
    if (read_o) begin
      shift_o <= first_bit[2:0];
      spans_o <= first_bit[BIT_BITS-1:3] != last_bit[BIT_BITS-1:3];
      row_1q  <= row;
    end
  end

  npu_delay #(
      .WIDTH (1 + ROW_BITS),
      .CYCLES(2)
  ) delay (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i({valid_o, row_1q}),
      .data_o({write_o, row_o})
  );

endmodule

`default_nettype wire
