// Against integers, for every scale that is a power of two, zero point and bounds, and every sum of
// up to 29 bits whose middle bits are all 0 or all 1: rounded to 24 bits, then to an integer, by
// quotient and remainder. What another fraction adds is the multiplier, which no SAT solver takes
// apart.
module prove (input clk_i, rst_i, en_i, valid_i,
              input signed [8:0] zero_point_i, low_i, high_i,
              input signed [31:0] acc_i, bias_i, input [30:0] scale_i);
  wire valid_o;
  wire signed [8:0] y_o;
  npu_requantize_float dut (.*);

  localparam LATENCY = 8;
  reg [LATENCY-1:0] en_q;
  reg signed [31:0] total_q [0:LATENCY-1];
  reg [30:0] scale_q [0:LATENCY-1];
  reg [26:0] bounds_q [0:LATENCY-1];
  integer i;
  always @(posedge clk_i) begin
    en_q <= {en_q[LATENCY-2:0], en_i};
    total_q[0] <= acc_i + bias_i;
    scale_q[0] <= scale_i;
    bounds_q[0] <= {zero_point_i, low_i, high_i};
    for (i = 1; i < LATENCY; i = i + 1) begin
      total_q[i] <= total_q[i-1];
      scale_q[i] <= scale_q[i-1];
      bounds_q[i] <= bounds_q[i-1];
    end
  end

  wire signed [31:0] total = total_q[LATENCY-1];
  wire [31:0] magnitude = total < 0 ? -total : total;
  wire [7:0] field = scale_q[LATENCY-1][30:23];
  wire signed [8:0] zero_point = bounds_q[LATENCY-1][26:18];
  wire signed [8:0] low = bounds_q[LATENCY-1][17:9];
  wire signed [8:0] high = bounds_q[LATENCY-1][8:0];

  // Nearest multiple of 2^(bits - 24), ties to even.
  function [35:0] to_24_bits(input [35:0] value);
    reg [35:0] unit, remainder;
    integer bits;
    begin
      unit = 1;
      for (bits = 24; bits < 36; bits = bits + 1) if (value[bits]) unit = 36'd1 << (bits - 23);
      remainder = value & (unit - 1);
      to_24_bits = value - remainder;
      if (remainder * 2 > unit || (remainder * 2 == unit && |(value & unit)))
        to_24_bits = to_24_bits + unit;
    end
  endfunction

  wire [35:0] product = to_24_bits({4'd0, magnitude});  // in units of 2^(field - 127)
  wire [5:0] shift = 127 - field;
  wire [35:0] quotient = product >> shift;
  wire [35:0] remainder = product - (quotient << shift);
  wire [35:0] half = shift == 0 ? 36'd1 : 36'd1 << (shift - 1);
  wire [35:0] nearest = quotient + (remainder > half || (remainder == half && quotient[0]));
  wire [35:0] limited = field == 0 ? 0 : nearest > 511 ? 511 : nearest;
  wire signed [11:0] moved = (total < 0 ? -$signed({3'b0, limited[8:0]})
                                        : $signed({3'b0, limited[8:0]})) + zero_point;

  always @* begin
    assume (low_i <= high_i && low_i >= -128 && zero_point_i >= -128);
    assume (scale_i[22:0] == 0 && scale_i[30:23] <= 127 && scale_i[30:23] >= 100);
    assume (bias_i == 0 && acc_i[31:29] == {3{acc_i[31]}} && acc_i[21:8] == {14{acc_i[7]}});
    if (&en_q) assert (y_o == (moved < low ? low : moved > high ? high : moved[8:0]));
  end
endmodule
