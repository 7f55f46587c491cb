// delay: what comes out is what went in CYCLES cycles ago.
//
// | stage  | signals |
// |--------|---------|
// | CYCLES | data_o  |
//
// Latency: CYCLES cycles; 0 is a wire.
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_delay #(
    parameter int WIDTH  = 1,
    parameter int CYCLES = 1   // 0..64
) (
    input  wire              clk_i,
    input  wire              rst_i,  // everything under way becomes 0

    input  wire  [WIDTH-1:0] data_i,
    output wire  [WIDTH-1:0] data_o
);

  generate
    if (CYCLES < 0 || CYCLES > 64) begin : gen_bad_cycles
      npu_delay_CYCLES_must_be_0_to_64 bad_parameter ();
    end
    if (CYCLES == 0) begin : gen_wire
      wire unused = &{1'b0, clk_i, rst_i};
      assign data_o = data_i;
    end else if (CYCLES == 1) begin : gen_register
      logic [WIDTH-1:0] data_q;
      always_ff @(posedge clk_i) data_q <= rst_i ? '0 : data_i;
      assign data_o = data_q;
    end else begin : gen_line
      logic [CYCLES*WIDTH-1:0] line_q;
      always_ff @(posedge clk_i) begin
        line_q <= rst_i ? '0 : {line_q[0+:(CYCLES-1)*WIDTH], data_i};
      end
      assign data_o = line_q[(CYCLES-1)*WIDTH+:WIDTH];
    end
  endgenerate

endmodule

`default_nettype wire
