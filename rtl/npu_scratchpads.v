// scratchpads: ACT, WGT and PAR, and who touches which.
//
// | scratchpad | readers    | writers |
// |------------|------------|---------|
// | ACT        | MX, EP, ST | LD, EP  |
// | WGT        | MX         | LD      |
// | PAR        | EP         | LD      |
//
// Law: docs/architecture.md, section 1

`default_nettype none

module npu_scratchpads #(
    parameter  int SIZE           = 4,
    parameter  int ROWS           = 4,
    parameter  int ACT_BANKS      = 8,
    parameter  int ACT_BANK_WORDS = 256,
    parameter  int WGT_BANKS      = 2,
    parameter  int WGT_BANK_WORDS = 256,
    parameter  int PAR_BANKS      = 2,
    parameter  int PAR_BANK_WORDS = 32,
    localparam int WORDS     = (ROWS + SIZE - 1) / SIZE,
    localparam int WORD_BITS = 16,
    localparam int BANK_BITS = 8,
    localparam int TARGETS   = 3,
    localparam int ACT_BITS  = 8 * SIZE,
    localparam int PAR_BITS  = 32 * SIZE
) (
    input  wire                  clk_i,

    // LD writes one of the three
    input  wire  [TARGETS-1:0]   ld_write_i,          // ACT, WGT, PAR
    input  wire  [WORD_BITS-1:0] ld_address_i,
    input  wire  [BANK_BITS-1:0] ld_banks_i,
    input  wire  [PAR_BITS-1:0]  ld_data_i,

    // MX; data ISA_READ_CYCLES after the address, here and below
    input  wire  [WORDS-1:0]     mx_act_read_i,
    input  wire  [WORDS*WORD_BITS-1:0] mx_read_address_i,
    input  wire  [BANK_BITS-1:0] mx_read_banks_i,
    output wire  [WORDS*ACT_BITS-1:0] mx_act_o,
    input  wire                  wgt_read_i,
    input  wire  [WORD_BITS-1:0] wgt_address_i,
    input  wire  [3:0]           wgt_banks_i,
    output wire  [ACT_BITS-1:0]  wgt_o,

    // EP
    input  wire                  ep_act_read_i,
    input  wire  [WORD_BITS-1:0] ep_read_address_i,
    input  wire  [BANK_BITS-1:0] ep_read_banks_i,
    output wire  [ACT_BITS-1:0]  ep_act_o,
    input  wire                  ep_act_write_i,
    input  wire  [WORD_BITS-1:0] ep_write_address_i,
    input  wire  [BANK_BITS-1:0] ep_write_banks_i,
    input  wire  [ACT_BITS-1:0]  ep_out_i,
    input  wire                  par_read_i,
    input  wire  [WORD_BITS-1:0] par_address_i,
    input  wire  [3:0]           par_banks_i,
    output wire  [PAR_BITS-1:0]  par_o,

    // ST
    input  wire                  st_read_i,
    input  wire  [WORD_BITS-1:0] st_address_i,
    input  wire  [BANK_BITS-1:0] st_banks_i,
    output wire  [ACT_BITS-1:0]  st_act_o,

    // accesses that were suppressed in this cycle
    output wire                  ld_fault_o,
    output wire                  mx_fault_o,
    output wire                  ep_fault_o,
    output wire                  st_fault_o
);

  `include "generated/npu_isa.vh"

  generate
    if (WGT_BANKS > 4 || PAR_BANKS > 4) begin : gen_bad_banks
      npu_scratchpads_WGT_BANKS_and_PAR_BANKS_must_be_2_or_4 bad_parameter ();
    end
  endgenerate

  wire [2:0] act_read_fault;
  wire [1:0] act_write_fault;
  wire wgt_read_fault, wgt_write_fault, par_read_fault, par_write_fault;
  wire unused = &{1'b0, ld_banks_i, mx_read_banks_i, ep_read_banks_i, ep_write_banks_i,
                  wgt_banks_i, par_banks_i, st_banks_i};

  assign ld_fault_o = act_write_fault[0] || wgt_write_fault || par_write_fault;
  assign mx_fault_o = act_read_fault[0] || wgt_read_fault;
  assign ep_fault_o = act_read_fault[1] || act_write_fault[1] || par_read_fault;
  assign st_fault_o = act_read_fault[2];

  npu_activations #(
      .SIZE      (SIZE),
      .WORDS     (WORDS),
      .BANKS     (ACT_BANKS),
      .BANK_WORDS(ACT_BANK_WORDS)
  ) act (
      .clk_i          (clk_i),
      .read_i         ({st_read_i, ep_act_read_i, mx_act_read_i}),
      .read_address_i ({st_address_i, ep_read_address_i, mx_read_address_i}),
      .read_banks_i   ({st_banks_i[ACT_BANKS-1:0], ep_read_banks_i[ACT_BANKS-1:0],
                        mx_read_banks_i[ACT_BANKS-1:0]}),
      .data_o         ({st_act_o, ep_act_o, mx_act_o}),
      .read_fault_o   (act_read_fault),
      .write_i        ({ep_act_write_i, ld_write_i[TARGET_ACT]}),
      .write_address_i({ep_write_address_i, ld_address_i}),
      .write_banks_i  ({ep_write_banks_i[ACT_BANKS-1:0], ld_banks_i[ACT_BANKS-1:0]}),
      .data_i         ({ep_out_i, ld_data_i[ACT_BITS-1:0]}),
      .write_fault_o  (act_write_fault)
  );

  npu_scratchpad #(
      .WIDTH     (ACT_BITS),
      .BANKS     (WGT_BANKS),
      .BANK_WORDS(WGT_BANK_WORDS),
      .READERS   (1),
      .WRITERS   (1)
  ) wgt (
      .clk_i          (clk_i),
      .read_i         (wgt_read_i),
      .read_address_i (wgt_address_i),
      .read_banks_i   (wgt_banks_i[WGT_BANKS-1:0]),
      .data_o         (wgt_o),
      .read_fault_o   (wgt_read_fault),
      .write_i        (ld_write_i[TARGET_WGT]),
      .write_address_i(ld_address_i),
      .write_banks_i  (ld_banks_i[WGT_BANKS-1:0]),
      .data_i         (ld_data_i[ACT_BITS-1:0]),
      .write_fault_o  (wgt_write_fault)
  );

  npu_scratchpad #(
      .WIDTH     (PAR_BITS),
      .BANKS     (PAR_BANKS),
      .BANK_WORDS(PAR_BANK_WORDS),
      .READERS   (1),
      .WRITERS   (1)
  ) par (
      .clk_i          (clk_i),
      .read_i         (par_read_i),
      .read_address_i (par_address_i),
      .read_banks_i   (par_banks_i[PAR_BANKS-1:0]),
      .data_o         (par_o),
      .read_fault_o   (par_read_fault),
      .write_i        (ld_write_i[TARGET_PAR]),
      .write_address_i(ld_address_i),
      .write_banks_i  (ld_banks_i[PAR_BANKS-1:0]),
      .data_i         (ld_data_i),
      .write_fault_o  (par_write_fault)
  );

endmodule

`default_nettype wire
