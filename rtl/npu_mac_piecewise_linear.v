// mac_piecewise_linear: {sign, tail, g} weight x s9 operand -> three s32 accumulators, exact.
//
//   signed_xe = sign ? -xe : xe
//   centre:   acc_centre_o = acc_centre_i + g * signed_xe
//   tail:     acc_tail_o = acc_tail_i + g * signed_xe,  acc_tail_sum_o = acc_tail_sum_i + signed_xe
//
// | stage | signals                                                        |
// |-------|----------------------------------------------------------------|
// | 1     | acc_*_o: sign on the operand, magnitude multiply, route, add   |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/mac_piecewise_linear.py

`default_nettype none

module npu_mac_piecewise_linear #(
    parameter  int PWLQ_BITS   = 4,  // b, 2..8: a magnitude of b-1 bits
    localparam int WEIGHT_BITS = PWLQ_BITS + 1,
    localparam int XE_BITS     = 9,
    localparam int ACC_BITS    = 32
) (
    input  wire                        clk_i,
    input  wire                        rst_i,
    input  wire                        en_i,

    input  wire                        valid_i,
    output logic                       valid_o,

    input  wire  [WEIGHT_BITS-1:0]     weight_i,        // {sign, tail, g}
    input  wire  signed [XE_BITS-1:0]  xe_i,            // activation minus zero point, -255..255
    input  wire  signed [ACC_BITS-1:0] acc_centre_i,
    input  wire  signed [ACC_BITS-1:0] acc_tail_i,
    input  wire  signed [ACC_BITS-1:0] acc_tail_sum_i,

    output logic signed [ACC_BITS-1:0] acc_centre_o,
    output logic signed [ACC_BITS-1:0] acc_tail_o,
    output logic signed [ACC_BITS-1:0] acc_tail_sum_o
);

  localparam int PRODUCT_BITS = PWLQ_BITS + XE_BITS - 1;  // (2^(b-1) - 1) * 255

  generate
    if (PWLQ_BITS < 2 || PWLQ_BITS > 8) begin : gen_bad_pwlq_bits
      npu_mac_piecewise_linear_PWLQ_BITS_must_be_2_to_8 bad_parameter ();
    end
  endgenerate

  wire sign = weight_i[PWLQ_BITS];
  wire tail = weight_i[PWLQ_BITS-1];
  wire signed [PWLQ_BITS-1:0] magnitude = $signed({1'b0, weight_i[PWLQ_BITS-2:0]});

  wire signed [XE_BITS-1:0] signed_xe = sign ? -xe_i : xe_i;
  wire signed [PRODUCT_BITS-1:0] product = PRODUCT_BITS'(magnitude) * PRODUCT_BITS'(signed_xe);

  wire signed [PRODUCT_BITS-1:0] centre   = product & {PRODUCT_BITS{!tail}};
  wire signed [PRODUCT_BITS-1:0] beyond   = product & {PRODUCT_BITS{tail}};
  wire signed [XE_BITS-1:0]      tail_sum = signed_xe & {XE_BITS{tail}};

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      acc_centre_o   <= acc_centre_i + ACC_BITS'(centre);
      acc_tail_o     <= acc_tail_i + ACC_BITS'(beyond);
      acc_tail_sum_o <= acc_tail_sum_i + ACC_BITS'(tail_sum);
    end
  end

endmodule

`default_nettype wire
