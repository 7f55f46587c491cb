// scratchpad: BANKS banks under one numbering, for two readers and two writers.
//
//   bank = address / BANK_WORDS;  data of a read in the next cycle
//
// Ownership keeps the users of a bank apart, so nothing arbitrates: a bank listens to reader or
// writer 0 where that one names it, else to number 1. An access whose bank is not in its mask, or
// beyond the last word, is suppressed, read as 0, and reported in the same cycle.
//
// Law: docs/architecture.md, section 1

`default_nettype none

module npu_scratchpad #(
    parameter  int WIDTH      = 32,
    parameter  int BANKS      = 2,   // a power of two, 2..8
    parameter  int BANK_WORDS = 16,  // a power of two
    localparam int USERS      = 2,
    localparam int ADDRESS_BITS = 16
) (
    input  wire                           clk_i,

    input  wire  [USERS-1:0]              read_i,
    input  wire  [USERS*ADDRESS_BITS-1:0] read_address_i,
    input  wire  [USERS*BANKS-1:0]        read_banks_i,   // banks that the reader may touch
    output wire  [WIDTH-1:0]              data0_o,        // of reader 0
    output wire  [WIDTH-1:0]              data1_o,        // of reader 1
    output wire  [USERS-1:0]              read_fault_o,

    input  wire  [USERS-1:0]              write_i,
    input  wire  [USERS*ADDRESS_BITS-1:0] write_address_i,
    input  wire  [USERS*BANKS-1:0]        write_banks_i,
    input  wire  [WIDTH-1:0]              data0_i,        // of writer 0
    input  wire  [WIDTH-1:0]              data1_i,        // of writer 1
    output wire  [USERS-1:0]              write_fault_o
);

  localparam int WORD_BITS = $clog2(BANK_WORDS);
  localparam int BANK_BITS = $clog2(BANKS);
  localparam int WORDS     = BANKS * BANK_WORDS;

  generate
    if (BANKS < 2 || BANKS > 8 || BANKS != (1 << BANK_BITS)) begin : gen_bad_banks
      npu_scratchpad_BANKS_must_be_a_power_of_two_2_to_8 bad_parameter ();
    end
    if (WORDS > (1 << ADDRESS_BITS)) begin : gen_bad_words
      npu_scratchpad_WORDS_must_be_at_most_65536 bad_parameter ();
    end
  endgenerate

  wire [USERS-1:0] read_good, write_good;
  wire [USERS*BANKS-1:0] read_of, write_of;  // user u goes to bank b

  genvar u, b;
  generate
    for (u = 0; u < USERS; u = u + 1) begin : user
      wire [ADDRESS_BITS-1:0] read_address  = read_address_i[u*ADDRESS_BITS+:ADDRESS_BITS];
      wire [ADDRESS_BITS-1:0] write_address = write_address_i[u*ADDRESS_BITS+:ADDRESS_BITS];
      wire [BANK_BITS-1:0] read_bank  = read_address[WORD_BITS+:BANK_BITS];
      wire [BANK_BITS-1:0] write_bank = write_address[WORD_BITS+:BANK_BITS];
      wire [BANKS-1:0] read_banks  = read_banks_i[u*BANKS+:BANKS];
      wire [BANKS-1:0] write_banks = write_banks_i[u*BANKS+:BANKS];

      assign read_good[u] = read_banks[read_bank] &&
          ({1'b0, read_address} < (ADDRESS_BITS + 1)'(WORDS));
      assign write_good[u] = write_banks[write_bank] &&
          ({1'b0, write_address} < (ADDRESS_BITS + 1)'(WORDS));
      assign read_fault_o[u]  = read_i[u] && !read_good[u];
      assign write_fault_o[u] = write_i[u] && !write_good[u];
      assign read_of[u*BANKS+:BANKS] =
          (read_i[u] && read_good[u]) ? BANKS'(1) << read_bank : '0;
      assign write_of[u*BANKS+:BANKS] =
          (write_i[u] && write_good[u]) ? BANKS'(1) << write_bank : '0;

      logic [BANKS-1:0] bank_q;  // that was read; none where the access was suppressed

      always_ff @(posedge clk_i) begin
        if (read_i[u]) bank_q <= read_of[u*BANKS+:BANKS];
      end
    end

    for (b = 0; b < BANKS; b = b + 1) begin : bank
      wire [WIDTH-1:0] word;

      npu_bank #(
          .WIDTH(WIDTH),
          .WORDS(BANK_WORDS)
      ) memory (
          .clk_i          (clk_i),
          .read_i         (read_of[b] || read_of[BANKS+b]),
          .read_address_i (read_of[b] ? read_address_i[WORD_BITS-1:0]
                                      : read_address_i[ADDRESS_BITS+:WORD_BITS]),
          .data_o         (word),
          .write_i        (write_of[b] || write_of[BANKS+b]),
          .write_address_i(write_of[b] ? write_address_i[WORD_BITS-1:0]
                                       : write_address_i[ADDRESS_BITS+:WORD_BITS]),
          .data_i         (write_of[b] ? data0_i : data1_i)
      );

      // The word of the bank that was read, or of none: a sum of products, which a tool balances.
      wire [WIDTH-1:0] mine0 = word & {WIDTH{user[0].bank_q[b]}};
      wire [WIDTH-1:0] mine1 = word & {WIDTH{user[1].bank_q[b]}};
      wire [WIDTH-1:0] some0, some1;

      if (b == 0) begin : gen_first
        assign some0 = mine0;
        assign some1 = mine1;
      end else begin : gen_next
        assign some0 = mine0 | bank[b-1].some0;
        assign some1 = mine1 | bank[b-1].some1;
      end
    end
  endgenerate

  assign data0_o = bank[BANKS-1].some0;
  assign data1_o = bank[BANKS-1].some1;

endmodule

`default_nettype wire
