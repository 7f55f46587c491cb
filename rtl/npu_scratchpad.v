// scratchpad: BANKS banks under one numbering, for some readers and writers.
//
//   bank = address / BANK_WORDS;  data ISA_READ_CYCLES = 2 cycles after the read
//
// | stage | signals                                          |
// |-------|--------------------------------------------------|
// | 0     | read_i, read_address_i; fault                    |
// | 1     | the bank's output                                |
// | 2     | word_q: a register behind each bank; data_o      |
//
// Ownership keeps the users of a bank apart, so nothing arbitrates: a bank listens to the lowest
// reader and to the lowest writer that name it. An access whose bank is not in its mask, or beyond
// the last word, is suppressed, read as 0, and reported in the same cycle.
//
// Law: docs/architecture.md, section 1

`default_nettype none

module npu_scratchpad #(
    parameter  int WIDTH      = 32,
    parameter  int BANKS      = 2,   // a power of two, 2..8
    parameter  int BANK_WORDS = 16,  // a power of two
    parameter  int READERS    = 2,
    parameter  int WRITERS    = 2,
    localparam int ADDRESS_BITS = 16
) (
    input  wire                             clk_i,

    input  wire  [READERS-1:0]              read_i,
    input  wire  [READERS*ADDRESS_BITS-1:0] read_address_i,
    input  wire  [READERS*BANKS-1:0]        read_banks_i,   // banks that the reader may touch
    output wire  [READERS*WIDTH-1:0]        data_o,
    output wire  [READERS-1:0]              read_fault_o,

    input  wire  [WRITERS-1:0]              write_i,
    input  wire  [WRITERS*ADDRESS_BITS-1:0] write_address_i,
    input  wire  [WRITERS*BANKS-1:0]        write_banks_i,
    input  wire  [WRITERS*WIDTH-1:0]        data_i,
    output wire  [WRITERS-1:0]              write_fault_o
);

  localparam int WORD_BITS = $clog2(BANK_WORDS);
  localparam int BANK_BITS = $clog2(BANKS);
  localparam int WORDS     = BANKS * BANK_WORDS;
  localparam int SLOW_WORDS = 1024;

  generate
    if (BANKS < 2 || BANKS > 8 || BANKS != (1 << BANK_BITS)) begin : gen_bad_banks
      npu_scratchpad_BANKS_must_be_a_power_of_two_2_to_8 bad_parameter ();
    end
    if (WORDS > (1 << ADDRESS_BITS)) begin : gen_bad_words
      npu_scratchpad_WORDS_must_be_at_most_65536 bad_parameter ();
    end
  endgenerate

  wire [READERS*BANKS-1:0] read_of;   // reader u goes to bank b
  wire [WRITERS*BANKS-1:0] write_of;

  genvar u, b;
  generate
    for (u = 0; u < READERS; u = u + 1) begin : reader
      wire [ADDRESS_BITS-1:0] address = read_address_i[u*ADDRESS_BITS+:ADDRESS_BITS];
      wire [BANK_BITS-1:0] of_word = address[WORD_BITS+:BANK_BITS];
      wire [BANKS-1:0] banks = read_banks_i[u*BANKS+:BANKS];
      wire good = banks[of_word] && ({1'b0, address} < (ADDRESS_BITS + 1)'(WORDS));

      assign read_fault_o[u] = read_i[u] && !good;
      assign read_of[u*BANKS+:BANKS] = (read_i[u] && good) ? BANKS'(1) << of_word : '0;

      logic [BANKS-1:0] bank_q;  // that was read; none where the access was suppressed

      logic [BANKS-1:0] bank_1q;
      logic read_1q;

      always_ff @(posedge clk_i) begin
        read_1q <= read_i[u];
        if (read_i[u]) bank_1q <= read_of[u*BANKS+:BANKS];
        if (read_1q) bank_q <= bank_1q;
      end
    end

    for (u = 0; u < WRITERS; u = u + 1) begin : writer
      wire [ADDRESS_BITS-1:0] address = write_address_i[u*ADDRESS_BITS+:ADDRESS_BITS];
      wire [BANK_BITS-1:0] of_word = address[WORD_BITS+:BANK_BITS];
      wire [BANKS-1:0] banks = write_banks_i[u*BANKS+:BANKS];
      wire good = banks[of_word] && ({1'b0, address} < (ADDRESS_BITS + 1)'(WORDS));

      assign write_fault_o[u] = write_i[u] && !good;
      assign write_of[u*BANKS+:BANKS] = (write_i[u] && good) ? BANKS'(1) << of_word : '0;
    end

    for (b = 0; b < BANKS; b = b + 1) begin : bank
      wire [WIDTH-1:0] word;
      logic [WIDTH-1:0] word_q;

      for (u = 0; u < READERS; u = u + 1) begin : read_by
        wire named;  // by this reader or a lower one
        wire [WORD_BITS-1:0] address;
        wire [WIDTH-1:0] mine = word_q & {WIDTH{reader[u].bank_q[b]}};
        wire [WIDTH-1:0] some;

        if (u == 0) begin : gen_lowest
          assign named   = read_of[b];
          assign address = read_address_i[WORD_BITS-1:0];
        end else begin : gen_other
          assign named   = read_by[u-1].named || read_of[u*BANKS+b];
          assign address = read_by[u-1].named ? read_by[u-1].address
                                              : read_address_i[u*ADDRESS_BITS+:WORD_BITS];
        end

        // The word of the bank that was read, or of none: a sum of products, which a tool balances.
        if (b == 0) begin : gen_first
          assign some = mine;
        end else begin : gen_next
          assign some = mine | bank[b-1].read_by[u].some;
        end
      end

      for (u = 0; u < WRITERS; u = u + 1) begin : written_by
        wire named;
        wire [WORD_BITS-1:0] address;
        wire [WIDTH-1:0] data;

        if (u == 0) begin : gen_lowest
          assign named   = write_of[b];
          assign address = write_address_i[WORD_BITS-1:0];
          assign data    = data_i[WIDTH-1:0];
        end else begin : gen_other
          assign named   = written_by[u-1].named || write_of[u*BANKS+b];
          assign address = written_by[u-1].named ? written_by[u-1].address
                                                 : write_address_i[u*ADDRESS_BITS+:WORD_BITS];
          assign data    = written_by[u-1].named ? written_by[u-1].data : data_i[u*WIDTH+:WIDTH];
        end
      end

      npu_bank #(
          .WIDTH(WIDTH),
          .WORDS(BANK_WORDS)
      ) memory (
          .clk_i          (clk_i),
          .read_i         (read_by[READERS-1].named),
          .read_address_i (read_by[READERS-1].address),
          .data_o         (word),
          .write_i        (written_by[WRITERS-1].named),
          .write_address_i(written_by[WRITERS-1].address),
          .data_i         (written_by[WRITERS-1].data)
      );

      // The word is held where nothing is read. Its register rests then, but behind a memory that
      // is slower than all logic, where no multiplexer fits in front of it.
      if (BANK_WORDS < SLOW_WORDS) begin : gen_keep
        logic read_q;

        always_ff @(posedge clk_i) begin
          read_q <= read_by[READERS-1].named;
          if (read_q) word_q <= word;
        end
      end else begin : gen_take
        always_ff @(posedge clk_i) word_q <= word;
      end
    end

    for (u = 0; u < READERS; u = u + 1) begin : result
      assign data_o[u*WIDTH+:WIDTH] = bank[BANKS-1].read_by[u].some;
    end
  endgenerate

endmodule

`default_nettype wire
