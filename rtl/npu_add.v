// add: two s9 operands -> s30 sum or difference at a common scale, or product; rounded by mode.
//
//   acc_o =  round_shift(mode, (xe_a * (multiply ? xe_b : multiplier_a)) << 20, shift_a)
//         +- round_shift(mode, (xe_b * multiplier_b) << 20, shift_b)          -: subtract
//
// | stage | signals                                             |
// |-------|-----------------------------------------------------|
// | 1     | product_*_q; mode_q, shift_*_q, subtract_q          |
// | 2..4  | npu_round_shift of each operand                     |
// | 5     | acc_o: sum or difference                            |
//
// Latency: 5 cycles.
// Spec: npusim/datapath/add.py

`default_nettype none

module npu_add #(
    localparam int XE_BITS         = 9,
    localparam int MULTIPLIER_BITS = 31,
    localparam int MODE_BITS       = 3,
    localparam int SHIFT_BITS      = 6,
    localparam int ACC_BITS        = 30
) (
    input  wire                        clk_i,
    input  wire                        rst_i,
    input  wire                        en_i,

    input  wire                        valid_i,
    output logic                       valid_o,

    input  wire  [MODE_BITS-1:0]       mode_i,          // place in ROUNDINGS
    input  wire  [MULTIPLIER_BITS-1:0] multiplier_a_i,
    input  wire  [MULTIPLIER_BITS-1:0] multiplier_b_i,
    input  wire  [SHIFT_BITS-1:0]      shift_a_i,       // 31..62; of a product 20
    input  wire  [SHIFT_BITS-1:0]      shift_b_i,       // 31..62
    input  wire                        multiply_i,      // xe_b is a's multiplier
    input  wire                        subtract_i,      // b is taken from a

    input  wire  signed [XE_BITS-1:0]  xe_a_i,          // activation minus zero point, -255..255
    input  wire  signed [XE_BITS-1:0]  xe_b_i,
    output logic signed [ACC_BITS-1:0] acc_o
);

  localparam int LEFT_SHIFT   = 20;
  localparam int PRODUCT_BITS = XE_BITS + MULTIPLIER_BITS;   // 255 * 2^31 < 2^39
  localparam int TOTAL_BITS   = PRODUCT_BITS + LEFT_SHIFT;
  localparam int ROUNDED_BITS = ACC_BITS - 1;                // 255 << 20 < 2^28

  logic                           valid_1q;
  logic [MODE_BITS-1:0]           mode_1q;
  logic                           subtract_1q, subtract_2q, subtract_3q, subtract_4q;
  logic [SHIFT_BITS-1:0]          shift_a_1q;
  logic [SHIFT_BITS-1:0]          shift_b_1q;
  logic signed [PRODUCT_BITS-1:0] product_a_1q;
  logic signed [PRODUCT_BITS-1:0] product_b_1q;

  wire signed [MULTIPLIER_BITS:0] multiplier_a =
      multiply_i ? (MULTIPLIER_BITS + 1)'(xe_b_i) : {1'b0, multiplier_a_i};
  wire signed [MULTIPLIER_BITS:0] multiplier_b = {1'b0, multiplier_b_i};

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_1q <= 1'b0;
    else if (en_i) valid_1q <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      mode_1q      <= mode_i;
      subtract_1q  <= subtract_i;
      subtract_2q  <= subtract_1q;
      subtract_3q  <= subtract_2q;
      subtract_4q  <= subtract_3q;
      shift_a_1q   <= shift_a_i;
      shift_b_1q   <= shift_b_i;
      product_a_1q <= PRODUCT_BITS'(xe_a_i) * PRODUCT_BITS'(multiplier_a);
      product_b_1q <= PRODUCT_BITS'(xe_b_i) * PRODUCT_BITS'(multiplier_b);
    end
  end

  wire valid_4q;
  wire signed [ROUNDED_BITS-1:0] rounded_a_4q;
  wire signed [ROUNDED_BITS-1:0] rounded_b_4q;

  npu_round_shift #(
      .TOTAL_BITS(TOTAL_BITS),
      .OUT_BITS  (ROUNDED_BITS)
  ) round_a (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .en_i     (en_i),
      .valid_i  (valid_1q),
      .valid_o  (valid_4q),
      .mode_i   (mode_1q),
      .shift_i  (shift_a_1q),
      .total_i  ({product_a_1q, {LEFT_SHIFT{1'b0}}}),
      .rounded_o(rounded_a_4q)
  );

  wire unused_valid;  // the valid bit of a serves both

  npu_round_shift #(
      .TOTAL_BITS(TOTAL_BITS),
      .OUT_BITS  (ROUNDED_BITS)
  ) round_b (
      .clk_i    (clk_i),
      .rst_i    (rst_i),
      .en_i     (en_i),
      .valid_i  (1'b0),
      .valid_o  (unused_valid),
      .mode_i   (mode_1q),
      .shift_i  (shift_b_1q),
      .total_i  ({product_b_1q, {LEFT_SHIFT{1'b0}}}),
      .rounded_o(rounded_b_4q)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_4q;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (subtract_4q) acc_o <= ACC_BITS'(rounded_a_4q) - ACC_BITS'(rounded_b_4q);
      else acc_o <= ACC_BITS'(rounded_a_4q) + ACC_BITS'(rounded_b_4q);
    end
  end

endmodule

`default_nettype wire
