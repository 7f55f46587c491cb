// requantize_float: s32 accumulator -> int8 or uint8 as float32 runtimes compute it, saturating.
//
//   f = float32(acc + bias)                     24 bits, ties to even
//   p = float32(f * scale)                      24 bits, ties to even
//   y = clamp(rint(p) + zero_point, low, high)  ties to even
//
// scale: exponent 30..23, fraction 22..0 of a float32. Exponents e count from the lowest bit of a
// significand: its value is significand * 2^e.
//
// | stage | signals                                                          |
// |-------|------------------------------------------------------------------|
// | 1     | total_1q = acc + bias                                            |
// | 2     | magnitude_2q = |total|                                           |
// | 3     | normal_3q: with its leading one at bit 31; zeros_3q before it    |
// | 4     | significand_4q: 24 bits, ties to even; exponent_4q of the product|
// | 5     | product_5q = significand * scale's significand                   |
// | 6     | value_6q: product to 24 bits, ties to even; exponent_6q          |
// | 7     | magnitude_7q: to an integer, at most 511                         |
// | 8     | y_o: sign, + zero point, clamp                                   |
//
// Latency: 8 cycles.
// Spec: npusim/datapath/requantize_float.py

`default_nettype none

module npu_requantize_float #(
    localparam int ACC_BITS   = 32,
    localparam int SCALE_BITS = 31,
    localparam int VALUE_BITS = 9
) (
    input  wire                         clk_i,
    input  wire                         rst_i,
    input  wire                         en_i,

    input  wire                         valid_i,
    output logic                        valid_o,

    input  wire  signed [VALUE_BITS-1:0] zero_point_i,  // -128..255
    input  wire  signed [VALUE_BITS-1:0] low_i,         // -128..255
    input  wire  signed [VALUE_BITS-1:0] high_i,        // low_i..255

    input  wire  signed [ACC_BITS-1:0]  acc_i,
    input  wire  signed [ACC_BITS-1:0]  bias_i,         // acc_i + bias_i fits ACC_BITS
    input  wire  [SCALE_BITS-1:0]       scale_i,        // exponent below 255

    output logic signed [VALUE_BITS-1:0] y_o            // low_i..high_i
);

  localparam int FRACTION_BITS    = 23;
  localparam int SIGNIFICAND_BITS = FRACTION_BITS + 1;
  localparam int FIELD_BITS       = SCALE_BITS - FRACTION_BITS;  // of the scale's exponent
  localparam int COUNT_BITS       = 5;                           // of a place in ACC_BITS
  localparam int TAIL_BITS        = ACC_BITS - SIGNIFICAND_BITS;
  localparam int PRODUCT_BITS     = 2 * SIGNIFICAND_BITS;
  localparam int MAGNITUDE_BITS   = 9;
  localparam int MOVED_BITS       = MAGNITUDE_BITS + 2;          // + sign, + zero point

  localparam int EXPONENT_BITS    = FIELD_BITS + 1;

  logic valid_1q, valid_2q, valid_3q, valid_4q, valid_5q, valid_6q, valid_7q;
  logic [3*VALUE_BITS-1:0] bounds_1q, bounds_2q, bounds_3q, bounds_4q;
  logic [3*VALUE_BITS-1:0] bounds_5q, bounds_6q, bounds_7q;
  logic [SCALE_BITS-1:0] scale_1q, scale_2q, scale_3q;
  logic negative_2q, negative_3q, negative_4q, negative_5q, negative_6q, negative_7q;

  always_ff @(posedge clk_i) begin
    if (rst_i)
      {valid_o, valid_7q, valid_6q, valid_5q, valid_4q, valid_3q, valid_2q, valid_1q} <= '0;
    else if (en_i)
      {valid_o, valid_7q, valid_6q, valid_5q, valid_4q, valid_3q, valid_2q, valid_1q} <=
          {valid_7q, valid_6q, valid_5q, valid_4q, valid_3q, valid_2q, valid_1q, valid_i};
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      bounds_1q <= {zero_point_i, low_i, high_i};
      bounds_2q <= bounds_1q;
      bounds_3q <= bounds_2q;
      bounds_4q <= bounds_3q;
      bounds_5q <= bounds_4q;
      bounds_6q <= bounds_5q;
      bounds_7q <= bounds_6q;
      scale_1q  <= scale_i;
      scale_2q  <= scale_1q;
      scale_3q  <= scale_2q;
    end
  end

  // Stage 1.

  logic signed [ACC_BITS-1:0] total_1q;

  always_ff @(posedge clk_i) begin
    if (en_i) total_1q <= acc_i + bias_i;
  end

  // Stage 2.

  wire negative = total_1q[ACC_BITS-1];
  logic [ACC_BITS-1:0] magnitude_2q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      magnitude_2q <= negative ? -total_1q : total_1q;
      negative_2q  <= negative;
    end
  end

  // Stage 3: five conditional shifts bring the leading one to the top.

  logic [ACC_BITS-1:0] normal;
  logic [COUNT_BITS-1:0] zeros;  // in front of the leading one

  always_comb begin
    normal = magnitude_2q;
    for (int i = COUNT_BITS - 1; i >= 0; i = i - 1) begin
      zeros[i] = ~|(normal >> (ACC_BITS - (1 << i)));
      if (zeros[i]) normal = normal << (1 << i);
    end
  end

  logic [ACC_BITS-1:0] normal_3q;
  logic [COUNT_BITS-1:0] zeros_3q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      normal_3q   <= normal;
      zeros_3q    <= zeros;
      negative_3q <= negative_2q;
    end
  end

  // Stage 4: ties to even. A carry leaves 2^24, which is 2^23 and one exponent more.

  wire [SIGNIFICAND_BITS-1:0] kept = normal_3q[ACC_BITS-1:TAIL_BITS];
  wire up = normal_3q[TAIL_BITS-1] && (|normal_3q[TAIL_BITS-2:0] || kept[0]);
  wire [SIGNIFICAND_BITS:0] rounded = {1'b0, kept} + {{SIGNIFICAND_BITS{1'b0}}, up};
  wire carry = rounded[SIGNIFICAND_BITS];
  wire [FIELD_BITS-1:0] field = scale_3q[SCALE_BITS-1:FRACTION_BITS];
  wire zero = !normal_3q[ACC_BITS-1] || field == '0;

  logic zero_4q;
  logic [SIGNIFICAND_BITS-1:0] significand_4q, scale_4q;
  logic [EXPONENT_BITS-1:0] exponent_4q;  // field + bits of the sum: at most 286

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      zero_4q        <= zero;
      significand_4q <= carry ? {1'b1, {FRACTION_BITS{1'b0}}} : rounded[SIGNIFICAND_BITS-1:0];
      exponent_4q    <= EXPONENT_BITS'(field) + {{EXPONENT_BITS - COUNT_BITS{1'b0}}, ~zeros_3q}
                        + {{EXPONENT_BITS - 1{1'b0}}, carry};
      scale_4q       <= {1'b1, scale_3q[FRACTION_BITS-1:0]};
      negative_4q    <= negative_3q;
    end
  end

  // Stage 5.

  logic zero_5q;
  logic [PRODUCT_BITS-1:0] product_5q;
  logic [EXPONENT_BITS-1:0] exponent_5q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      zero_5q     <= zero_4q;
      product_5q  <= PRODUCT_BITS'(significand_4q) * PRODUCT_BITS'(scale_4q);
      exponent_5q <= exponent_4q;
      negative_5q <= negative_4q;
    end
  end

  // Stage 6: the product's leading one is at bit 46 or 47; its value is 1.x * 2^(exponent - 127)
  // or twice that. Rounded to 24 bits it may carry.

  wire top = product_5q[PRODUCT_BITS-1];
  wire [PRODUCT_BITS-2:0] aligned =
      top ? product_5q[PRODUCT_BITS-1:1] : product_5q[PRODUCT_BITS-2:0];
  wire [SIGNIFICAND_BITS-1:0] leading = aligned[PRODUCT_BITS-2:FRACTION_BITS];
  wire rest = |aligned[FRACTION_BITS-2:0] || (top && product_5q[0]);
  wire round = aligned[FRACTION_BITS-1] && (rest || leading[0]);
  wire [SIGNIFICAND_BITS:0] product = {1'b0, leading} + {{SIGNIFICAND_BITS{1'b0}}, round};
  wire more = product[SIGNIFICAND_BITS];
  wire [EXPONENT_BITS-1:0] exponent =
      exponent_5q + {{EXPONENT_BITS - 1{1'b0}}, top} + {{EXPONENT_BITS - 1{1'b0}}, more};
  wire [SIGNIFICAND_BITS-1:0] value =
      more ? {1'b1, {FRACTION_BITS{1'b0}}} : product[SIGNIFICAND_BITS-1:0];

  logic zero_6q;
  logic [SIGNIFICAND_BITS-1:0] value_6q;
  logic [EXPONENT_BITS-1:0] exponent_6q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      zero_6q     <= zero_5q;
      value_6q    <= value;
      exponent_6q <= exponent;
      negative_6q <= negative_5q;
    end
  end

  // Stage 7: integer bits above the point, fraction below it:
  // value << (exponent - ONE_HALF) >> 24.

  localparam int ONE_HALF = 126;                       // exponent of values in 1/2 .. 1
  localparam int TOO_MUCH = ONE_HALF + MAGNITUDE_BITS + 1;  // 2^9 and more

  wire [3:0] places = 4'(exponent_6q - EXPONENT_BITS'(ONE_HALF));
  wire [MAGNITUDE_BITS+SIGNIFICAND_BITS-1:0] pointed =
      {{MAGNITUDE_BITS{1'b0}}, value_6q} << places;
  wire [MAGNITUDE_BITS-1:0] whole = pointed[SIGNIFICAND_BITS+:MAGNITUDE_BITS];
  wire last = pointed[SIGNIFICAND_BITS-1] && (|pointed[SIGNIFICAND_BITS-2:0] || whole[0]);
  wire [MAGNITUDE_BITS:0] nearest = {1'b0, whole} + {{MAGNITUDE_BITS{1'b0}}, last};
  wire nothing = zero_6q || exponent_6q < EXPONENT_BITS'(ONE_HALF);
  wire beyond = exponent_6q >= EXPONENT_BITS'(TOO_MUCH) || nearest[MAGNITUDE_BITS];

  logic [MAGNITUDE_BITS-1:0] magnitude_7q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (nothing) magnitude_7q <= '0;
      else if (beyond) magnitude_7q <= '1;
      else magnitude_7q <= nearest[MAGNITUDE_BITS-1:0];
      negative_7q <= negative_6q;
    end
  end

  // Stage 8.

  wire signed [VALUE_BITS-1:0] zero_point = bounds_7q[2*VALUE_BITS+:VALUE_BITS];
  wire signed [VALUE_BITS-1:0] low        = bounds_7q[VALUE_BITS+:VALUE_BITS];
  wire signed [VALUE_BITS-1:0] high       = bounds_7q[0+:VALUE_BITS];
  wire signed [MOVED_BITS-1:0] distance   = {2'b00, magnitude_7q};
  wire signed [MOVED_BITS-1:0] moved =
      (negative_7q ? -distance : distance) + MOVED_BITS'(zero_point);

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (moved < MOVED_BITS'(low)) y_o <= low;
      else if (moved > MOVED_BITS'(high)) y_o <= high;
      else y_o <= moved[VALUE_BITS-1:0];
    end
  end

endmodule

`default_nettype wire
