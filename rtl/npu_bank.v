// bank: a memory with one read and one write port.
//
//   read:  data_o in the cycle after read_i; held where nothing is read
//   write: readable in the next cycle
//
// Law: docs/architecture.md, section 1

`default_nettype none

module npu_bank #(
    parameter  int WIDTH = 8,
    parameter  int WORDS = 16,  // a power of two, 2..65536
    localparam int ADDRESS_BITS = $clog2(WORDS)
) (
    input  wire                     clk_i,

    input  wire                     read_i,
    input  wire  [ADDRESS_BITS-1:0] read_address_i,
    output logic [WIDTH-1:0]        data_o,

    input  wire                     write_i,
    input  wire  [ADDRESS_BITS-1:0] write_address_i,
    input  wire  [WIDTH-1:0]        data_i
);

  generate
    if (WORDS < 2 || WORDS > 65536 || WORDS != (1 << ADDRESS_BITS)) begin : gen_bad_words
      npu_bank_WORDS_must_be_a_power_of_two_2_to_65536 bad_parameter ();
    end
  endgenerate

  (* ram_style = "block" *)
  logic [WIDTH-1:0] word_q[WORDS];

  always_ff @(posedge clk_i) begin
    if (read_i) data_o <= word_q[read_address_i];
  end

  always_ff @(posedge clk_i) begin
    if (write_i) word_q[write_address_i] <= data_i;
  end

endmodule

`default_nettype wire
