// accumulate: s(SUM_BITS) sum x s32 accumulator -> s32 accumulator, exact, wrapping.
//
//   acc_o = clear ? sum : acc_i + sum
//
// | stage | signals                 |
// |-------|-------------------------|
// | 1     | acc_o: clear and add    |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/accumulate.py

`default_nettype none

module npu_accumulate #(
    parameter  int SUM_BITS = 20,  // 2..32
    localparam int ACC_BITS = 32
) (
    input  wire                        clk_i,
    input  wire                        rst_i,
    input  wire                        en_i,

    input  wire                        valid_i,
    output logic                       valid_o,

    input  wire                        clear_i,  // 1: first sum, acc_i is not read

    input  wire  signed [SUM_BITS-1:0] sum_i,
    input  wire  signed [ACC_BITS-1:0] acc_i,
    output logic signed [ACC_BITS-1:0] acc_o
);

  generate
    if (SUM_BITS < 2 || SUM_BITS > ACC_BITS) begin : gen_bad_sum_bits
      npu_accumulate_SUM_BITS_must_be_2_to_32 bad_parameter ();
    end
  endgenerate

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i) acc_o <= (clear_i ? '0 : acc_i) + ACC_BITS'(sum_i);
  end

endmodule

`default_nettype wire
