// tokens: six counters between neighbours of the ring LD -> EX -> ST -> LD.
//
//   from_prev[e] + 1 when the previous engine signals next, - 1 when e awaits prev
//   from_next[e] + 1 when the next engine signals prev,     - 1 when e awaits next
//
// A signal of cycle R can be taken from R + 1 on. A signal that would make a counter greater than
// TOKEN_MAX is reported to the engine that gives it.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_tokens #(
    localparam int ENGINES = 3   // LD, EX, ST at bits 0, 1, 2
) (
    input  wire                clk_i,
    input  wire                rst_i,

    input  wire  [ENGINES-1:0] take_prev_i,    // only where has_prev_o
    input  wire  [ENGINES-1:0] take_next_i,    // only where has_next_o
    input  wire  [ENGINES-1:0] signal_prev_i,
    input  wire  [ENGINES-1:0] signal_next_i,

    output wire  [ENGINES-1:0] has_prev_o,
    output wire  [ENGINES-1:0] has_next_o,
    output wire  [ENGINES-1:0] overflow_o      // of the engine that signals
);

  `include "generated/npu_isa.vh"

  localparam int COUNT_BITS = $clog2(ISA_TOKEN_MAX + 1);

  wire [ENGINES-1:0] from_prev_full, from_next_full;

  genvar e;
  generate
    for (e = 0; e < ENGINES; e = e + 1) begin : engine
      localparam int PREV = (e + ENGINES - 1) % ENGINES;
      localparam int NEXT = (e + 1) % ENGINES;

      logic [COUNT_BITS-1:0] from_prev_q, from_next_q;

      assign has_prev_o[e] = from_prev_q != '0;
      assign has_next_o[e] = from_next_q != '0;

      wire prev_more = signal_next_i[PREV] && !take_prev_i[e];
      wire prev_less = take_prev_i[e] && !signal_next_i[PREV];
      wire next_more = signal_prev_i[NEXT] && !take_next_i[e];
      wire next_less = take_next_i[e] && !signal_prev_i[NEXT];

      assign from_prev_full[e] = prev_more && from_prev_q == COUNT_BITS'(ISA_TOKEN_MAX);
      assign from_next_full[e] = next_more && from_next_q == COUNT_BITS'(ISA_TOKEN_MAX);
      assign overflow_o[e]     = from_prev_full[NEXT] || from_next_full[PREV];

      always_ff @(posedge clk_i) begin
        if (rst_i) begin
          from_prev_q <= '0;
          from_next_q <= '0;
        end else begin
          if (prev_more) from_prev_q <= from_prev_q + 1'b1;
          if (prev_less) from_prev_q <= from_prev_q - 1'b1;
          if (next_more) from_next_q <= from_next_q + 1'b1;
          if (next_less) from_next_q <= from_next_q - 1'b1;
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
