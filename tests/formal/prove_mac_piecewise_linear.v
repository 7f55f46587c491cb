// Every weight adds to exactly one region: the selection is one-hot and total, for all operands.
module prove (input clk_i, rst_i, en_i, valid_i, input [4:0] weight_i, input signed [8:0] xe_i,
              input signed [31:0] acc_centre_i, acc_tail_i, acc_tail_sum_i);
  wire valid_o;
  wire signed [31:0] acc_centre_o, acc_tail_o, acc_tail_sum_o;
  npu_mac_piecewise_linear #(.PWLQ_BITS(4)) dut (.*);

  reg en_q;
  reg [4:0] weight_q;
  reg signed [8:0] xe_q;
  reg signed [31:0] centre_q, tail_q, tail_sum_q;
  always @(posedge clk_i) begin
    {en_q, weight_q, xe_q} <= {en_i, weight_i, xe_i};
    {centre_q, tail_q, tail_sum_q} <= {acc_centre_i, acc_tail_i, acc_tail_sum_i};
  end

  wire sign = weight_q[4], tail = weight_q[3];
  wire signed [3:0] g = {1'b0, weight_q[2:0]};
  wire signed [31:0] product = g * xe_q;
  wire signed [31:0] signed_product = sign ? -product : product;
  wire signed [31:0] signed_xe = sign ? -xe_q : xe_q;

  always @* assume (xe_i != -9'sd256);  // x - zero_point lies in -255..255

  always @* if (en_q) begin
    if (tail) begin
      assert (acc_centre_o == centre_q);
      assert (acc_tail_o == tail_q + signed_product);
      assert (acc_tail_sum_o == tail_sum_q + signed_xe);
    end else begin
      assert (acc_centre_o == centre_q + signed_product);
      assert (acc_tail_o == tail_q);
      assert (acc_tail_sum_o == tail_sum_q);
    end
  end
endmodule
