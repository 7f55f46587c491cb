// mac_uniform: s8 or s4 weight x s9 operand -> s32 accumulator, exact, wrapping.
//
//   acc_o = acc_i + weight_i * xe_i
//
// | stage | signals                       |
// |-------|-------------------------------|
// | 1     | acc_o: multiply, accumulate   |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/mac_uniform.py

`default_nettype none

module npu_mac_uniform #(
    parameter  int WEIGHT_BITS = 8,  // 2..8
    localparam int XE_BITS  = 9,
    localparam int ACC_BITS = 32
) (
    input  wire                           clk_i,
    input  wire                           rst_i,
    input  wire                           en_i,

    input  wire                           valid_i,
    output logic                          valid_o,

    input  wire  signed [WEIGHT_BITS-1:0] weight_i,
    input  wire  signed [XE_BITS-1:0]     xe_i,      // activation minus zero point, -255..255
    input  wire  signed [ACC_BITS-1:0]    acc_i,
    output logic signed [ACC_BITS-1:0]    acc_o
);

  // |weight| <= 2^(WEIGHT_BITS-1) and |xe| <= 255: the product needs one bit less than the operands.
  localparam int PRODUCT_BITS = WEIGHT_BITS + XE_BITS - 1;

  generate
    if (WEIGHT_BITS < 2 || WEIGHT_BITS > 8) begin : gen_bad_weight_bits
      npu_mac_uniform_WEIGHT_BITS_must_be_2_to_8 bad_parameter ();
    end
  endgenerate

  wire signed [PRODUCT_BITS-1:0] product = PRODUCT_BITS'(weight_i) * PRODUCT_BITS'(xe_i);

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) acc_o <= acc_i + ACC_BITS'(product);
  end

endmodule

`default_nettype wire
