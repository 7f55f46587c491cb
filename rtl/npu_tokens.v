// tokens: a counter from each to each other engine of the ring LD -> MX -> EP -> ST -> LD.
//
//   from[e][side] + 1 when the engine at that side of e signals e, - 1 when e awaits it
//
// Sides 0, 1, 2 are prev, across, next: the engines 3, 2, 1 places on. A signal of cycle R can be
// taken from R + 1 on. A signal that would make a counter greater than TOKEN_MAX is reported to the
// engine that gives it.
//
// Law: docs/architecture.md, section 4

`default_nettype none

module npu_tokens #(
    localparam int ENGINES = 4,  // LD, MX, EP, ST
    localparam int SIDES   = 3,
    localparam int FLAGS   = ENGINES * SIDES  // bit e * SIDES + side
) (
    input  wire                clk_i,
    input  wire                rst_i,

    input  wire  [FLAGS-1:0]   take_i,     // only where has_o
    input  wire  [FLAGS-1:0]   signal_i,
    output wire  [FLAGS-1:0]   has_o,
    output wire  [ENGINES-1:0] overflow_o  // of the engine that signals
);

  `include "generated/npu_isa.vh"

  localparam int COUNT_BITS = $clog2(ISA_TOKEN_MAX + 1);

  wire [FLAGS-1:0] full;  // at the flag of the giver

  genvar e, side;
  generate
    for (e = 0; e < ENGINES; e = e + 1) begin : engine
      for (side = 0; side < SIDES; side = side + 1) begin : from
        localparam int GIVER = (e + SIDES - side) % ENGINES;
        localparam int GIVES = GIVER * SIDES + SIDES - 1 - side;  // e is at that side of the giver
        localparam int TAKES = e * SIDES + side;

        logic [COUNT_BITS-1:0] count_q;
        logic has_q;  // count_q is not 0

        wire more = signal_i[GIVES] && !take_i[TAKES];
        wire less = take_i[TAKES] && !signal_i[GIVES];

        assign has_o[TAKES] = has_q;
        assign full[GIVES]  = more && count_q == COUNT_BITS'(ISA_TOKEN_MAX);

        always_ff @(posedge clk_i) begin
          if (rst_i) begin
            count_q <= '0;
            has_q   <= 1'b0;
          end else if (more) begin
            count_q <= count_q + 1'b1;
            has_q   <= 1'b1;
          end else if (less) begin
            count_q <= count_q - 1'b1;
            has_q   <= count_q != COUNT_BITS'(1);
          end
        end
      end

      assign overflow_o[e] = |full[e*SIDES+:SIDES];
    end
  endgenerate

endmodule

`default_nettype wire
