// weight_loader: addresses of packed weight tiles, one row a cycle, and where its codes lie.
//
//   row r of a tile: bits r*w .. r*w+w-1 of each column's stream; the word with the last of these
//   bits is read, its predecessor was read with the row before; a word of several rows is read
//   once, and the memory's output holds it
//
// | cycle     | signals                                                             |
// |-----------|---------------------------------------------------------------------|
// | go_i + r  | WGT address of row r                                                |
// | + READ    | memory output; valid_o, shift_o, spans_o; READ = ISA_READ_CYCLES    |
// | + READ + 1 | code register of each column                                       |
// | + READ + 2 | npu_weight_decode; write_o, row_o: into the shadow register        |
//
// The next address is this one or its successor: no code has more bits than a byte.
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

    output wire                  valid_o,   // the memory's output is the word of a row's last bit
    output wire  [2:0]           shift_o,   // place of the code in the word of its first bit
    output wire                  spans_o,   // the code begins in the word before
    output wire                  write_o,   // the decoder's output goes into row row_o
    output wire  [ROW_BITS-1:0]  row_o
);

  `include "generated/npu_isa.vh"

  localparam int BIT_BITS    = 3;             // place of a bit in a column's byte
  localparam int WIDTH_BITS  = BIT_BITS + 1;
  localparam int BESIDE_BITS = BIT_BITS + 2;  // what travels beside the memory's word

  logic [WORD_BITS-1:0] address_q;    // of the row that comes next
  logic [ROWS_BITS-1:0] left_q;       // rows still to come
  logic [BIT_BITS-1:0]  last_bit_q;   // last bit of the row that comes next, in its byte
  logic [ROW_BITS-1:0]  row_q;

  wire [BIT_BITS-1:0] width_less_1 = BIT_BITS'(width_i - 1'b1);
  wire [BIT_BITS-1:0] last_bit = go_i ? width_less_1 : last_bit_q;
  wire [BIT_BITS-1:0] first_bit = last_bit - width_less_1;
  wire spans = last_bit < width_less_1;
  wire [WIDTH_BITS-1:0] next_bit = {1'b0, last_bit} + width_i;
  wire [ROWS_BITS-1:0] left = go_i ? rows_i : left_q;
  wire [ROW_BITS-1:0] row = go_i ? '0 : row_q;
  wire next_byte = next_bit[BIT_BITS] || left == ROWS_BITS'(1);

  wire row_comes = go_i || left_q != '0;
  logic unread_q;                     // the word at address_q

  assign read_o    = row_comes && unread_q;
  assign address_o = address_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) left_q <= '0;
    else if (row_comes) left_q <= left - 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (load_i) address_q <= base_i;
    else if (row_comes && next_byte) address_q <= address_q + 1'b1;
    if (load_i) unread_q <= 1'b1;
    else if (row_comes) unread_q <= next_byte;
    if (row_comes) begin
      last_bit_q <= next_bit[BIT_BITS-1:0];
      row_q      <= row + 1'b1;
    end
  end

  npu_delay #(
      .WIDTH (BESIDE_BITS),
      .CYCLES(ISA_READ_CYCLES)
  ) until_word (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i({row_comes, first_bit, spans}),
      .data_o({valid_o, shift_o, spans_o})
  );

  npu_delay #(
      .WIDTH (1 + ROW_BITS),
      .CYCLES(ISA_READ_CYCLES + 2)
  ) until_decoded (
      .clk_i (clk_i),
      .rst_i (rst_i),
      .data_i({row_comes, row}),
      .data_o({write_o, row_o})
  );

endmodule

`default_nettype wire
