// weight_column: packed codes of one column -> the column's active weights.
//
//   code of row r = bits of the byte that comes and of the byte before it
//   shadow[r] = decode(code);   swap: active = shadow
//
// | stage | signals                                                   |
// |-------|-----------------------------------------------------------|
// | 2     | wgt_i: memory output                                      |
// | 3     | code_q: two bytes -> the code, right aligned              |
// | 4     | npu_weight_decode; written into the shadow register       |
// | swap  | active_o, from the cycle after swap_i on                  |
//
// Law: docs/architecture.md, section 1 (weight tiles) and section 4

`default_nettype none

module npu_weight_column #(
    parameter  int ROWS         = 4,
    parameter  int UNIFORM_BITS = 8,
    parameter  int SUBSET       = 1,
    parameter  int PWLQ_BITS    = 4,
    parameter  int LUT          = 0,
    parameter  int PWLQ_DOUBLE  = 0,
    localparam int BYTE_BITS = 8,
    localparam int FORMAT_BITS = 3,
    localparam int LEVELS_BITS = 128,  // of a layer's table
    localparam int ROW_BITS  = $clog2(ROWS),
    // Widths of npu_weight_decode.
    localparam int PWLQ_CODE_BITS   = (PWLQ_BITS != 0) ? PWLQ_BITS + 1 : 0,
    localparam int SUBSET_CODE_BITS = (SUBSET != 0) ? 4 : 0,
    localparam int SUBSET_WIRE_BITS = (SUBSET != 0) ? 5 : 0,
    localparam int WIDER_BITS  = (UNIFORM_BITS > PWLQ_CODE_BITS) ? UNIFORM_BITS : PWLQ_CODE_BITS,
    localparam int CODE_BITS   = (WIDER_BITS > SUBSET_CODE_BITS) ? WIDER_BITS : SUBSET_CODE_BITS,
    localparam int WEIGHT_BITS = (WIDER_BITS > SUBSET_WIRE_BITS) ? WIDER_BITS : SUBSET_WIRE_BITS
) (
    input  wire                         clk_i,
    input  wire                         rst_i,
    input  wire                         en_i,            // a MAC runs

    input  wire  [BYTE_BITS-1:0]        wgt_i,           // stage 2: this column's byte
    input  wire                         code_valid_i,
    input  wire  [2:0]                  code_shift_i,    // place of the code's first bit
    input  wire                         code_spans_i,    // which lies in the byte before
    input  wire                         shadow_write_i,  // stage 4
    input  wire  [ROW_BITS-1:0]         shadow_row_i,
    input  wire                         swap_i,
    input  wire  [FORMAT_BITS-1:0]      format_i,
    input  wire  [3:0]                  bits_i,
    input  wire  [31:0]                 selectors_i,
    input  wire  [LEVELS_BITS-1:0]      levels_i,

    output wire  [ROWS*WEIGHT_BITS-1:0] active_o         // row 0 in the lowest bits
);

  logic [BYTE_BITS-1:0] word_before_q;
  logic [CODE_BITS-1:0] code_q;
  logic [ROWS*WEIGHT_BITS-1:0] shadow_q, active_q;
  wire [WEIGHT_BITS-1:0] weight;
  wire unused_valid_weight;

  wire [2*BYTE_BITS-1:0] pair =
      code_spans_i ? {wgt_i, word_before_q} : {{BYTE_BITS{1'b0}}, wgt_i};
  wire [2*BYTE_BITS-1:0] aligned = pair >> code_shift_i;
  wire unused_aligned = &{1'b0, aligned};

  always_ff @(posedge clk_i) begin
    if (code_valid_i) begin
      word_before_q <= wgt_i;
      code_q        <= aligned[CODE_BITS-1:0];
    end
  end

  npu_weight_decode #(
      .UNIFORM_BITS(UNIFORM_BITS),
      .SUBSET      (SUBSET),
      .PWLQ_BITS   (PWLQ_BITS),
      .LUT         (LUT),
      .PWLQ_DOUBLE (PWLQ_DOUBLE)
  ) weight_decode (
      .clk_i      (clk_i),
      .rst_i      (rst_i),
      .en_i       (en_i),
      .valid_i    (1'b0),
      .valid_o    (unused_valid_weight),
      .format_i   (format_i),
      .bits_i     (bits_i),
      .selectors_i(selectors_i),
      .levels_i   (levels_i),
      .code_i     (code_q),
      .keep_i     (1'b1),
      .weight_o   (weight)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      shadow_q <= '0;
      active_q <= '0;
    end else begin
      if (shadow_write_i) shadow_q[shadow_row_i*WEIGHT_BITS+:WEIGHT_BITS] <= weight;
      if (swap_i) active_q <= shadow_q;
    end
  end

  assign active_o = active_q;

endmodule

`default_nettype wire
