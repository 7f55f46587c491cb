// held: the bytes of LANES lanes that come one after the other, as the part of a word.
//
//   out_o = {byte_i, the LANES - 1 bytes that were held last, the oldest lowest}
//
// | stage | signals |
// |-------|---------|
// | 1     | held_q  |
//
// Law: docs/architecture.md, section 2

`default_nettype none

module npu_held #(
    parameter  int LANES     = 1,  // 1, 2, 4 or 8
    localparam int BYTE_BITS = 8
) (
    input  wire                        clk_i,
    input  wire                        hold_i,  // byte_i is one of a lane before the last
    input  wire  [BYTE_BITS-1:0]       byte_i,
    output wire  [LANES*BYTE_BITS-1:0] out_o
);

  generate
    if (LANES == 1) begin : gen_one
      wire unused = &{1'b0, clk_i, hold_i};
      assign out_o = byte_i;
    end else begin : gen_held
      logic [(LANES-1)*BYTE_BITS-1:0] held_q;

      assign out_o = {byte_i, held_q};

      always_ff @(posedge clk_i) begin
        if (hold_i) held_q <= out_o[LANES*BYTE_BITS-1:BYTE_BITS];
      end
    end
  endgenerate

endmodule

`default_nettype wire
