// accumulators: ACC, a scratchpad for each region, side by side: MX and EP read and write it.
//
//   region 0 is A1 (or the only one), 1 is A2, 2 is S;  lane c's 32 bits are c*32 ..
//
// EP writes region 0 alone. The regions of a word have one address, each its own enable: none is
// read whose sum nothing is added to. What is absent reads 0.
//
// Law: docs/architecture.md, section 1

`default_nettype none

module npu_accumulators #(
    parameter  int SIZE      = 4,
    parameter  int PWLQ_BITS = 4,
    parameter  int ACC_BANKS = 2,
    parameter  int ACC_WORDS = 256,
    localparam int ACC_BITS  = 32 * SIZE,
    localparam int REGIONS   = 3,
    localparam int WORD_BITS = 16
) (
    input  wire                         clk_i,

    // MX
    input  wire  [REGIONS-1:0]          mx_read_i,
    input  wire  [WORD_BITS-1:0]        mx_read_address_i,
    input  wire  [REGIONS-1:0]          mx_write_i,
    input  wire  [WORD_BITS-1:0]        mx_write_address_i,
    input  wire  [ACC_BANKS-1:0]        mx_banks_i,
    output wire  [REGIONS*ACC_BITS-1:0] mx_acc_o,    // ISA_READ_CYCLES after the address
    input  wire  [REGIONS*ACC_BITS-1:0] mx_acc_i,

    // EP
    input  wire  [REGIONS-1:0]          ep_read_i,
    input  wire  [WORD_BITS-1:0]        ep_read_address_i,
    input  wire                         ep_write_i,
    input  wire  [WORD_BITS-1:0]        ep_write_address_i,
    input  wire  [ACC_BANKS-1:0]        ep_banks_i,
    output wire  [REGIONS*ACC_BITS-1:0] ep_acc_o,
    input  wire  [ACC_BITS-1:0]         ep_acc_i,

    // accesses that were suppressed in this cycle
    output wire                         mx_fault_o,
    output wire                         ep_fault_o
);

  wire [REGIONS-1:0] mx_fault, ep_fault;

  genvar g;
  generate
    for (g = 0; g < REGIONS; g = g + 1) begin : region
      if (g == 0 || PWLQ_BITS != 0) begin : gen_there
        wire [1:0] read_fault, write_fault;

        npu_scratchpad #(
            .WIDTH     (ACC_BITS),
            .BANKS     (ACC_BANKS),
            .BANK_WORDS(ACC_WORDS / ACC_BANKS)
        ) memory (
            .clk_i          (clk_i),
            .read_i         ({ep_read_i[g], mx_read_i[g]}),
            .read_address_i ({ep_read_address_i, mx_read_address_i}),
            .read_banks_i   ({ep_banks_i, mx_banks_i}),
            .data_o         ({ep_acc_o[g*ACC_BITS+:ACC_BITS], mx_acc_o[g*ACC_BITS+:ACC_BITS]}),
            .read_fault_o   (read_fault),
            .write_i        ({ep_write_i && g == 0, mx_write_i[g]}),
            .write_address_i({ep_write_address_i, mx_write_address_i}),
            .write_banks_i  ({ep_banks_i, mx_banks_i}),
            .data_i         ({ep_acc_i, mx_acc_i[g*ACC_BITS+:ACC_BITS]}),
            .write_fault_o  (write_fault)
        );

        assign mx_fault[g] = read_fault[0] || write_fault[0];
        assign ep_fault[g] = read_fault[1] || write_fault[1];
      end else begin : gen_absent
        wire unused = &{1'b0, ep_read_i[g], mx_read_i[g], mx_write_i[g],
                        mx_acc_i[g*ACC_BITS+:ACC_BITS]};
        assign mx_fault[g] = 1'b0;
        assign ep_fault[g] = 1'b0;
        assign mx_acc_o[g*ACC_BITS+:ACC_BITS] = '0;
        assign ep_acc_o[g*ACC_BITS+:ACC_BITS] = '0;
      end
    end
  endgenerate

  assign mx_fault_o = |mx_fault;
  assign ep_fault_o = |ep_fault;

endmodule

`default_nettype wire
