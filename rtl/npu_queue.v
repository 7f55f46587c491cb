// queue: first in, first out, DEPTH words.
//
//   written in cycle D: at the head from D + 1 on where the queue was empty
//   taken in cycle I:   its place is free from I + 1 on
//
// All outputs come from registers: the word at the head has one of its own beside its place among the
// others. Nothing is forwarded from input to output.
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_queue #(
    parameter  int WIDTH = 8,
    parameter  int DEPTH = 8,  // a power of two, 2..64
    localparam int INDEX_BITS = $clog2(DEPTH)
) (
    input  wire              clk_i,
    input  wire              rst_i,

    input  wire              push_i,   // not while full_o
    input  wire  [WIDTH-1:0] data_i,
    output wire              full_o,

    output logic             valid_o,  // head_o is a word
    output logic [WIDTH-1:0] head_o,
    input  wire              pop_i     // not while !valid_o
);

  generate
    if (DEPTH < 2 || DEPTH > 64 || DEPTH != (1 << INDEX_BITS)) begin : gen_bad_depth
      npu_queue_DEPTH_must_be_a_power_of_two_2_to_64 bad_parameter ();
    end
  endgenerate

  logic [WIDTH-1:0] word_q[DEPTH];
  logic [INDEX_BITS-1:0] head_q, tail_q;
  logic [INDEX_BITS:0] count_q;

  assign full_o = count_q[INDEX_BITS];

  wire [INDEX_BITS-1:0] next = head_q + 1'b1;
  wire empties = !valid_o || (pop_i && count_q == (INDEX_BITS + 1)'(1));

  always_ff @(posedge clk_i) begin
    if (push_i) word_q[tail_q] <= data_i;
    if (push_i && empties) head_o <= data_i;
    else if (pop_i) head_o <= word_q[next];
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      head_q  <= '0;
      tail_q  <= '0;
      count_q <= '0;
      valid_o <= 1'b0;
    end else begin
      valid_o <= push_i || !empties;
      if (push_i) tail_q <= tail_q + 1'b1;
      if (pop_i) head_q <= head_q + 1'b1;
      count_q <= count_q + {{INDEX_BITS{1'b0}}, push_i} - {{INDEX_BITS{1'b0}}, pop_i};
    end
  end

endmodule

`default_nettype wire
