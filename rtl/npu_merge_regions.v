// merge_regions: pwlq's centre and tail-operand accumulators -> s32 first term, exact, wrapping.
//
//   acc_o = acc_centre + n * acc_tail_sum,    n = 2^(bits-1) - 1
//         = acc_centre + (acc_tail_sum << (bits-1)) - acc_tail_sum
//
// | stage | signals                    |
// |-------|----------------------------|
// | 1     | acc_o: shift, add, subtract |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/merge_regions.py

`default_nettype none

module npu_merge_regions #(
    localparam int ACC_BITS  = 32,
    localparam int BITS_BITS = 4
) (
    input  wire                        clk_i,
    input  wire                        rst_i,
    input  wire                        en_i,

    input  wire                        valid_i,
    output logic                       valid_o,

    input  wire  [BITS_BITS-1:0]       bits_i,  // b of the layer, 2..8

    input  wire  signed [ACC_BITS-1:0] acc_centre_i,
    input  wire  signed [ACC_BITS-1:0] acc_tail_sum_i,
    output logic signed [ACC_BITS-1:0] acc_o
);

  wire [2:0] places = 3'(bits_i - 4'd1);
  wire signed [ACC_BITS-1:0] shifted = acc_tail_sum_i <<< places;

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) acc_o <= acc_centre_i + shifted - acc_tail_sum_i;
  end

endmodule

`default_nettype wire
