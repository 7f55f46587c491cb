// lookup: 8-bit activation -> 8-bit activation through a table of 256 entries, exact.
//
//   y = table[x]
//
// The table is read only for a valid operand, which spares its wide multiplexer's toggling (and an
// event-driven simulator the copy of the table).
//
// | stage | signals             |
// |-------|---------------------|
// | 1     | y_o: the entry of x |
//
// Latency: 1 cycle.
// Spec: npusim/datapath/lookup.py

`default_nettype none

module npu_lookup #(
    localparam int BYTE_BITS = 8,
    localparam int ENTRIES   = 256
) (
    input  wire                          clk_i,
    input  wire                          rst_i,
    input  wire                          en_i,

    input  wire                          valid_i,
    output logic                         valid_o,

    input  wire  [ENTRIES*BYTE_BITS-1:0] table_i,  // entry 0 in the lowest bits; held for a layer

    input  wire  [BYTE_BITS-1:0]         x_i,
    output logic [BYTE_BITS-1:0]         y_o
);

  always_ff @(posedge clk_i) begin
    if (rst_i) valid_o <= 1'b0;
    else if (en_i) valid_o <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (en_i && valid_i) y_o <= table_i[{x_i, {$clog2(BYTE_BITS) {1'b0}}}+:BYTE_BITS];
  end

endmodule

`default_nettype wire
