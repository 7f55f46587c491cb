// pool: one tap x accumulator -> accumulator, window maximum, minimum or sum, exact, wrapping.
//
//   acc_o = first ? x : maximum ? max(acc_i, x) : minimum ? min(acc_i, x) : acc_i + x
//
// | stage | signals                             |
// |-------|-------------------------------------|
// | 1     | acc_o: compare and select, or add   |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/pool.py

`default_nettype none

module npu_pool #(
    localparam int X_BITS   = 9,
    localparam int ACC_BITS = 32
) (
    input  wire                        clk_i,
    input  wire                        rst_i,
    input  wire                        en_i,

    input  wire                        valid_i,
    output logic                       valid_o,

    input  wire                        first_i,    // 1: first tap of the window
    input  wire                        maximum_i,  // 1: maximum
    input  wire                        minimum_i,  // 1: minimum, where it is no maximum; else sum

    input  wire  signed [X_BITS-1:0]   x_i,
    input  wire  signed [ACC_BITS-1:0] acc_i,
    output logic signed [ACC_BITS-1:0] acc_o
);

  wire signed [ACC_BITS-1:0] x = ACC_BITS'(x_i);
  wire less = x < acc_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (first_i || (maximum_i ? !less : minimum_i && less)) acc_o <= x;
      else if (maximum_i || minimum_i) acc_o <= acc_i;
      else acc_o <= acc_i + x;
    end
  end

endmodule

`default_nettype wire
