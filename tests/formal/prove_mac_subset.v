// The shift/log multiplier is a multiplication by the sum of its two words, for all inputs.
module prove (input clk_i, rst_i, en_i, valid_i,
              input [4:0] weight_i, input signed [8:0] xe_i, input signed [31:0] acc_i);
  wire valid_o;
  wire signed [31:0] acc_o;
  npu_mac_subset dut (.*);

  reg en_q;
  reg [4:0] weight_q;
  reg signed [8:0] xe_q;
  reg signed [31:0] acc_q;
  always @(posedge clk_i) {en_q, weight_q, xe_q, acc_q} <= {en_i, weight_i, xe_i, acc_i};

  reg signed [6:0] magnitude;
  always @* begin
    case (weight_q[3:2])
      0: magnitude = 16;
      1: magnitude = 8;
      2: magnitude = 2;
      3: magnitude = 0;
    endcase
    case (weight_q[1:0])
      0: magnitude = magnitude + 16;
      1: magnitude = magnitude + 4;
      2: magnitude = magnitude + 1;
      3: magnitude = magnitude + 0;
    endcase
  end
  wire signed [6:0] weight = weight_q[4] ? -magnitude : magnitude;
  wire signed [31:0] product = weight * xe_q;

  always @* if (en_q) assert (acc_o == acc_q + product);
endmodule
