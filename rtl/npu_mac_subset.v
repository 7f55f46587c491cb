// mac_subset: {sign, selA, selB} weight x s9 operand -> s32 accumulator, exact, wrapping.
//
//   pa = selA: (xe << 4, xe << 3, xe << 1, 0)
//   pb = selB: (xe << 4, xe << 2, xe,      0)
//   acc_o = acc_i + (sign ? -(pa + pb) : pa + pb)
//
// The negation is ~(pa + pb) + 1, and its 1 enters the accumulator's adder as the carry.
//
// | stage | signals                                      |
// |-------|----------------------------------------------|
// | 1     | acc_o: select, add, conditionally negate, add |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/mac_subset.py

`default_nettype none

module npu_mac_subset #(
    localparam int WEIGHT_BITS = 5,
    localparam int XE_BITS     = 9,
    localparam int ACC_BITS    = 32
) (
    input  wire                        clk_i,
    input  wire                        rst_i,
    input  wire                        en_i,

    input  wire                        valid_i,
    output logic                       valid_o,

    input  wire  [WEIGHT_BITS-1:0]     weight_i,  // {sign, selA[1:0], selB[1:0]}
    input  wire  signed [XE_BITS-1:0]  xe_i,      // activation minus zero point, -255..255
    input  wire  signed [ACC_BITS-1:0] acc_i,
    output logic signed [ACC_BITS-1:0] acc_o
);

  localparam int WORD_BITS    = XE_BITS + 4;  // xe << 4
  localparam int PRODUCT_BITS = XE_BITS + 5;  // 32 * xe, |xe| <= 255

  wire signed [WORD_BITS-1:0] xe = WORD_BITS'(xe_i);
  wire       sign = weight_i[4];
  wire [1:0] sel_a = weight_i[3:2];
  wire [1:0] sel_b = weight_i[1:0];

  logic signed [WORD_BITS-1:0] pa;
  logic signed [WORD_BITS-1:0] pb;

  always_comb begin
    case (sel_a)
      2'd0:    pa = xe <<< 4;
      2'd1:    pa = xe <<< 3;
      2'd2:    pa = xe <<< 1;
      default: pa = '0;
    endcase
    case (sel_b)
      2'd0:    pb = xe <<< 4;
      2'd1:    pb = xe <<< 2;
      2'd2:    pb = xe;
      default: pb = '0;
    endcase
  end

  wire signed [PRODUCT_BITS-1:0] magnitude = PRODUCT_BITS'(pa) + PRODUCT_BITS'(pb);
  wire signed [PRODUCT_BITS-1:0] flipped = magnitude ^ {PRODUCT_BITS{sign}};

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) acc_o <= acc_i + ACC_BITS'(flipped) + {{(ACC_BITS - 1) {1'b0}}, sign};
  end

endmodule

`default_nettype wire
