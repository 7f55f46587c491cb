// lines: the pixels of one lane of the last two rows, kept for a depthwise window.
//
//   above_1 = the pixel read one row before, above_2 = two rows before, in the same column
//
// | stage | signals                                                             |
// |-------|---------------------------------------------------------------------|
// | 1     | read_i, read_address_i: the column                                  |
// | 2     | both pixels from the memory; with act_i the later two are written   |
// | 3     | above_*_q: a register behind the memory                             |
// | 4     | less the zero point, or 0, at the rows of the array that they enter |
//
// A word is written in the cycle after it was read, so a row has two pixels at least.
//
// Law: docs/architecture.md, section 2

`default_nettype none

module npu_lines #(
    parameter  int ROWS       = 4,  // of the array
    parameter  int LINE_WORDS = 2,  // a power of two, 2..512
    localparam int BYTE_BITS    = 8,
    localparam int XE_BITS      = 9,
    localparam int ADDRESS_BITS = $clog2(LINE_WORDS)
) (
    input  wire                       clk_i,
    input  wire                       rst_i,

    // the walk
    input  wire                       read_i,
    input  wire  [ADDRESS_BITS-1:0]   read_address_i,
    input  wire                       write_i,          // stage 2
    input  wire  [ADDRESS_BITS-1:0]   write_address_i,

    // pixels
    input  wire  [BYTE_BITS-1:0]      act_i,            // stage 2
    input  wire  [1:0]                keep_i,           // stage 3: of above_1, above_2
    input  wire                       unsigned_i,
    input  wire  signed [XE_BITS-1:0] zero_point_i,

    // rows of the array
    input  wire  [ROWS-1:0]           enters_1_i,       // that above_1 enters
    input  wire  [ROWS-1:0]           enters_2_i,
    output wire  [ROWS*XE_BITS-1:0]   entering_xe_o     // stage 4
);

  wire [BYTE_BITS-1:0] above_1, above_2;
  logic [BYTE_BITS-1:0] above_1_q, above_2_q;
  logic valid_q;  // stage 3
  wire [XE_BITS-1:0] above_1_xe, above_2_xe;
  wire unused_valid_1, unused_valid_2;

  npu_bank #(
      .WIDTH(2 * BYTE_BITS),
      .WORDS(LINE_WORDS)
  ) memory (
      .clk_i          (clk_i),
      .read_i         (read_i),
      .read_address_i (read_address_i),
      .data_o         ({above_2, above_1}),
      .write_i        (write_i),
      .write_address_i(write_address_i),
      .data_i         ({above_1, act_i})
  );

  always_ff @(posedge clk_i) begin
    valid_q <= write_i && !rst_i;
    if (write_i) {above_2_q, above_1_q} <= {above_2, above_1};
  end

  npu_subtract_zero_point subtract_1 (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(valid_q), .valid_i(1'b0), .valid_o(unused_valid_1),
      .unsigned_type_i(unsigned_i), .zero_point_i(zero_point_i), .x_i(above_1_q),
      .keep_i(keep_i[0]), .xe_o(above_1_xe)
  );

  npu_subtract_zero_point subtract_2 (
      .clk_i(clk_i), .rst_i(rst_i), .en_i(valid_q), .valid_i(1'b0), .valid_o(unused_valid_2),
      .unsigned_type_i(unsigned_i), .zero_point_i(zero_point_i), .x_i(above_2_q),
      .keep_i(keep_i[1]), .xe_o(above_2_xe)
  );

  genvar r;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : row
      assign entering_xe_o[r*XE_BITS+:XE_BITS] =
          above_1_xe & {XE_BITS{enters_1_i[r]}} | above_2_xe & {XE_BITS{enters_2_i[r]}};
    end
  endgenerate

endmodule

`default_nettype wire
