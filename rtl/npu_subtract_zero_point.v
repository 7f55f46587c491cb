// subtract_zero_point: 8-bit activation -> s9 operand xe, exact, no overflow.
//
//   value = unsigned_type ? x as uint8 : x as int8
//   xe    = keep ? value - zero_point : 0
//
// | stage | signals                    |
// |-------|----------------------------|
// | 1     | xe_o: extend, subtract, mask |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/subtract_zero_point.py

`default_nettype none

module npu_subtract_zero_point #(
    localparam int BYTE_BITS = 8,
    localparam int XE_BITS   = 9
) (
    input  wire                       clk_i,
    input  wire                       rst_i,
    input  wire                       en_i,

    input  wire                       valid_i,
    output logic                      valid_o,

    input  wire                       unsigned_type_i,  // 1: x is uint8, 0: int8
    input  wire  signed [XE_BITS-1:0] zero_point_i,     // in the range of x's type

    input  wire  [BYTE_BITS-1:0]      x_i,
    input  wire                       keep_i,           // 0: padding or a lane beyond the tile
    output logic signed [XE_BITS-1:0] xe_o              // -255..255
);

  wire top = !unsigned_type_i && x_i[BYTE_BITS-1];
  wire signed [XE_BITS-1:0] value = {top, x_i};

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) xe_o <= keep_i ? value - zero_point_i : '0;
  end

endmodule

`default_nettype wire
