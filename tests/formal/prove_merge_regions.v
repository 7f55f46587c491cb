// Three accumulators are two: A1 + n*S with n = 2^(b-1) - 1, for all inputs and every b.
module prove (input clk_i, rst_i, en_i, valid_i, input [3:0] bits_i,
              input signed [31:0] acc_centre_i, acc_tail_sum_i);
  wire valid_o;
  wire signed [31:0] acc_o;
  npu_merge_regions dut (.*);

  reg en_q;
  reg [3:0] bits_q;
  reg signed [31:0] centre_q, sum_q;
  always @(posedge clk_i) begin
    {en_q, bits_q, centre_q, sum_q} <= {en_i, bits_i, acc_centre_i, acc_tail_sum_i};
  end

  reg signed [7:0] n;
  always @*
    case (bits_q)
      2: n = 1;
      3: n = 3;
      4: n = 7;
      5: n = 15;
      6: n = 31;
      7: n = 63;
      default: n = 127;
    endcase

  always @* begin
    assume (bits_i >= 2 && bits_i <= 8);
    if (en_q && bits_q >= 2 && bits_q <= 8) assert (acc_o == centre_q + n * sum_q);
  end
endmodule
