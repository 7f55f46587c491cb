// activations: ACT, whose banks have WORDS parts with a port each, so that MX reads words at once.
//
//   word a lies in part a % WORDS, at a / WORDS there;  WORDS = 1: a scratchpad as the others
//
// The words that MX reads in a cycle lie an odd distance apart, so each is in a part of its own. A
// part is one scratchpad with the banks of ACT, each of 1 / WORDS of its words: bank and end of an
// address are those of the whole.
//
// Law: docs/architecture.md, section 1 (banks) and section 2 (MAC, words)

`default_nettype none

module npu_activations #(
    parameter  int SIZE       = 4,
    parameter  int WORDS      = 1,    // a power of two
    parameter  int BANKS      = 8,
    parameter  int BANK_WORDS = 256,  // at least 2 for each part
    localparam int WIDTH        = 8 * SIZE,
    localparam int ADDRESS_BITS = 16,
    localparam int OTHERS       = 2,  // readers beside MX
    localparam int READERS      = OTHERS + 1,
    localparam int WRITERS      = 2
) (
    input  wire                                      clk_i,

    // MX in the low WORDS places, then EP and ST
    input  wire  [OTHERS+WORDS-1:0]                  read_i,
    input  wire  [(OTHERS+WORDS)*ADDRESS_BITS-1:0]   read_address_i,
    input  wire  [READERS*BANKS-1:0]                 read_banks_i,   // of MX, EP, ST
    output wire  [(OTHERS+WORDS)*WIDTH-1:0]          data_o,
    output wire  [READERS-1:0]                       read_fault_o,

    input  wire  [WRITERS-1:0]                       write_i,
    input  wire  [WRITERS*ADDRESS_BITS-1:0]          write_address_i,
    input  wire  [WRITERS*BANKS-1:0]                 write_banks_i,
    input  wire  [WRITERS*WIDTH-1:0]                 data_i,
    output wire  [WRITERS-1:0]                       write_fault_o
);

  localparam int PART_BITS = $clog2(WORDS);
  localparam int PLACES    = OTHERS + WORDS;

  generate
    if (WORDS != (1 << PART_BITS) || BANK_WORDS < 2 * WORDS) begin : gen_bad_words
      npu_activations_BANK_WORDS_must_be_at_least_2_for_each_of_WORDS bad_parameter ();
    end
  endgenerate

  genvar p, w, u;
  generate
    if (WORDS == 1) begin : gen_whole
      npu_scratchpad #(
          .WIDTH     (WIDTH),
          .BANKS     (BANKS),
          .BANK_WORDS(BANK_WORDS),
          .READERS   (READERS),
          .WRITERS   (WRITERS)
      ) part (
          .clk_i          (clk_i),
          .read_i         (read_i),
          .read_address_i (read_address_i),
          .read_banks_i   (read_banks_i),
          .data_o         (data_o),
          .read_fault_o   (read_fault_o),
          .write_i        (write_i),
          .write_address_i(write_address_i),
          .write_banks_i  (write_banks_i),
          .data_i         (data_i),
          .write_fault_o  (write_fault_o)
      );
    end else begin : gen_parts
      for (p = 0; p < WORDS; p = p + 1) begin : part
        // Which word of MX, of those up to w, is here.
        for (w = 0; w < WORDS; w = w + 1) begin : word
          wire is_here = read_i[w] && read_address_i[w*ADDRESS_BITS+:PART_BITS] == PART_BITS'(p);
          wire reads;
          wire [ADDRESS_BITS-1:0] address;
          wire [ADDRESS_BITS-1:0] mine =
              read_address_i[w*ADDRESS_BITS+:ADDRESS_BITS] & {ADDRESS_BITS{is_here}};

          if (w == 0) begin : gen_first
            assign reads   = is_here;
            assign address = mine;
          end else begin : gen_next
            assign reads   = word[w-1].reads || is_here;
            assign address = word[w-1].address | mine;
          end
        end

        wire [OTHERS-1:0] other_reads;
        wire [OTHERS*ADDRESS_BITS-1:0] other_address;
        wire [WRITERS-1:0] writes;
        wire [WRITERS*ADDRESS_BITS-1:0] write_address;
        wire [READERS-1:0] read_fault;
        wire [WRITERS-1:0] write_fault;
        wire [READERS*WIDTH-1:0] data;
        wire unused_low = &{1'b0, word[WORDS-1].address};

        for (u = 0; u < OTHERS; u = u + 1) begin : other
          localparam int AT = (WORDS + u) * ADDRESS_BITS;
          assign other_reads[u] =
              read_i[WORDS+u] && read_address_i[AT+:PART_BITS] == PART_BITS'(p);
          assign other_address[u*ADDRESS_BITS+:ADDRESS_BITS] =
              read_address_i[AT+:ADDRESS_BITS] >> PART_BITS;
        end

        for (u = 0; u < WRITERS; u = u + 1) begin : writer
          assign writes[u] =
              write_i[u] && write_address_i[u*ADDRESS_BITS+:PART_BITS] == PART_BITS'(p);
          assign write_address[u*ADDRESS_BITS+:ADDRESS_BITS] =
              write_address_i[u*ADDRESS_BITS+:ADDRESS_BITS] >> PART_BITS;
        end

        npu_scratchpad #(
            .WIDTH     (WIDTH),
            .BANKS     (BANKS),
            .BANK_WORDS(BANK_WORDS / WORDS),
            .READERS   (READERS),
            .WRITERS   (WRITERS)
        ) memory (
            .clk_i          (clk_i),
            .read_i         ({other_reads, word[WORDS-1].reads}),
            .read_address_i ({other_address, word[WORDS-1].address >> PART_BITS}),
            .read_banks_i   (read_banks_i),
            .data_o         (data),
            .read_fault_o   (read_fault),
            .write_i        (writes),
            .write_address_i(write_address),
            .write_banks_i  (write_banks_i),
            .data_i         (data_i),
            .write_fault_o  (write_fault)
        );

        wire [READERS-1:0] read_fault_until;
        wire [WRITERS-1:0] write_fault_until;

        if (p == 0) begin : gen_faults_of_first
          assign read_fault_until  = read_fault;
          assign write_fault_until = write_fault;
        end else begin : gen_faults_of_next
          assign read_fault_until  = part[p-1].read_fault_until | read_fault;
          assign write_fault_until = part[p-1].write_fault_until | write_fault;
        end
      end

      // Each reader takes the word of the part that it read.
      for (w = 0; w < PLACES; w = w + 1) begin : reader
        localparam int PORT = (w < WORDS) ? 0 : w - WORDS + 1;
        logic [PART_BITS-1:0] part_1q, part_q;
        logic read_1q;

        always_ff @(posedge clk_i) begin
          read_1q <= read_i[w];
          if (read_i[w]) part_1q <= read_address_i[w*ADDRESS_BITS+:PART_BITS];
          if (read_1q) part_q <= part_1q;
        end

        for (p = 0; p < WORDS; p = p + 1) begin : from
          wire [WIDTH-1:0] some;
          wire [WIDTH-1:0] mine =
              part[p].data[PORT*WIDTH+:WIDTH] & {WIDTH{part_q == PART_BITS'(p)}};

          if (p == 0) begin : gen_first
            assign some = mine;
          end else begin : gen_next
            assign some = from[p-1].some | mine;
          end
        end

        assign data_o[w*WIDTH+:WIDTH] = from[WORDS-1].some;
      end

      assign read_fault_o  = part[WORDS-1].read_fault_until;
      assign write_fault_o = part[WORDS-1].write_fault_until;
    end
  endgenerate

endmodule

`default_nettype wire
