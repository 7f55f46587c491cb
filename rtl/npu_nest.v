// nest: the counters of an affine loop nest, one iteration a step.
//
//   for i[LEVELS-1] in 0..count[LEVELS-1]-1: ... for i[0] in 0..count[0]-1: one step
//   first_o[l] = i[l] is 0,  last_o[l] = i[l] is count[l]-1
//
// Addresses that follow the nest are npu_nest_address, any number of them beside one npu_nest.
// The counts are held by their owner from load to the last step; a count of 0 never comes here.
//
// Timing: first_o and last_o are of the iteration that stands now; step_i goes to the next one.
// Law: docs/architecture.md, section 2

`default_nettype none

module npu_nest #(
    parameter int LEVELS     = 3,   // 1..8
    parameter int COUNT_BITS = 16   // 1..32
) (
    input  wire                          clk_i,

    input  wire                          load_i,    // stand at the first iteration
    input  wire                          step_i,    // go to the next iteration

    input  wire  [LEVELS*COUNT_BITS-1:0] counts_i,  // innermost level lowest, each >= 1

    output wire  [LEVELS-1:0]            first_o,
    output wire  [LEVELS-1:0]            last_o
);

  generate
    if (LEVELS < 1 || LEVELS > 8) begin : gen_bad_levels
      npu_nest_LEVELS_must_be_1_to_8 bad_parameter ();
    end
    if (COUNT_BITS < 1 || COUNT_BITS > 32) begin : gen_bad_count_bits
      npu_nest_COUNT_BITS_must_be_1_to_32 bad_parameter ();
    end
  endgenerate

  genvar l;
  generate
    for (l = 0; l < LEVELS; l = l + 1) begin : level
      logic [COUNT_BITS-1:0] place_q;  // i[l] + 1: no adder stands before last_o
      logic first_q;
      wire inner_last;

      if (l == 0) begin : gen_innermost
        assign inner_last = 1'b1;
      end else begin : gen_outer
        assign inner_last = &last_o[l-1:0];
      end

      assign first_o[l] = first_q;
      assign last_o[l]  = place_q == counts_i[l*COUNT_BITS+:COUNT_BITS];

      always_ff @(posedge clk_i) begin
        if (load_i) begin
          place_q <= COUNT_BITS'(1);
          first_q <= 1'b1;
        end else if (step_i && inner_last) begin
          place_q <= last_o[l] ? COUNT_BITS'(1) : place_q + 1'b1;
          first_q <= last_o[l];
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
