// nest_address: the affine address of an npu_nest's iteration, without a multiplier.
//
//   address = base + sum over l of i[l]*stride[l]      modulo 2^ADDRESS_BITS
//
// Each level remembers the address at which its iteration began. A step advances the innermost
// level that is not at its last iteration; the levels inside of it begin there.
//
// Timing: address_o is of the iteration that stands now, as npu_nest's outputs.
// Law: docs/architecture.md, section 2

`default_nettype none

module npu_nest_address #(
    parameter int LEVELS       = 3,   // 1..8
    parameter int ADDRESS_BITS = 16
) (
    input  wire                            clk_i,

    input  wire                            load_i,     // stand at base_i
    input  wire                            step_i,
    input  wire  [LEVELS-1:0]              last_i,     // of npu_nest

    input  wire  [ADDRESS_BITS-1:0]        base_i,
    input  wire  [LEVELS*ADDRESS_BITS-1:0] strides_i,  // innermost level lowest, two's complement

    output wire  [ADDRESS_BITS-1:0]        address_o
);

  generate
    if (LEVELS < 1 || LEVELS > 8) begin : gen_bad_levels
      npu_nest_address_LEVELS_must_be_1_to_8 bad_parameter ();
    end
  endgenerate

  // Level l's start moves when every level inside of it is at its last iteration.
  genvar l;
  generate
    for (l = 0; l < LEVELS; l = l + 1) begin : level
      logic [ADDRESS_BITS-1:0] start_q;
      wire [ADDRESS_BITS-1:0] own = start_q + strides_i[l*ADDRESS_BITS+:ADDRESS_BITS];
      wire [ADDRESS_BITS-1:0] next;
      wire moves;

      if (l == LEVELS - 1) begin : gen_outermost
        assign next = own;
      end else begin : gen_inner
        assign next = last_i[l] ? level[l+1].next : own;
      end
      if (l == 0) begin : gen_innermost
        assign moves = 1'b1;
      end else begin : gen_outer
        assign moves = &last_i[l-1:0];
      end

      always_ff @(posedge clk_i) begin
        if (load_i) start_q <= base_i;
        else if (step_i && moves) start_q <= next;
      end
    end
  endgenerate

  assign address_o = level[0].start_q;

  wire unused = last_i[LEVELS-1];  // nothing is outside of the outermost level

endmodule

`default_nettype wire
