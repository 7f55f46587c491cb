// tracer: the events of one engine, with the crc32 of what it wrote and where.
//
//   cycle engine pc issue 0
//   cycle engine pc stall:CAUSE length         cycle = the first of the stall
//   cycle engine pc retire crc32
//   cycle engine pc fault:CAUSE 0
//
// Lines come when they are known: a stall at its end. The harness sorts them.
//
// Law: docs/architecture.md, section 6. Simulation only.

`default_nettype none

module npu_tracer #(
    parameter      NAME       = "LD",  // of the engine
    parameter  int DATA_BYTES = 4,    // most bytes written in a cycle
    localparam int PC_BITS    = 32,
    localparam int CFG_VALUES = 3,
    localparam int PLACE_BYTES = 5    // a space and an address
) (
    input  wire                       clk_i,
    input  wire  [31:0]               file_i,
    input  wire                       run_i,
    input  wire  [31:0]               cycle_i,

    input  wire                       started_i,
    input  wire                       configure_i,
    input  wire  [127:0]              head_i,
    input  wire  [PC_BITS-1:0]        head_pc_i,
    input  wire                       retired_i,
    input  wire  [PC_BITS-1:0]        pc_i,
    input  wire                       stall_i,
    input  wire  [2:0]                stall_cause_i,   // 1 fetch, 2 prev, 3 across, 4 next
    input  wire  [31:0]               stall_cycles_i,

    input  wire                       fault_i,
    input  wire  [7:0]                cause_i,
    input  wire  [PC_BITS-1:0]        fault_pc_i,

    input  wire                       write_i,         // bytes are written in this cycle
    input  wire  [7:0]                space_i,         // where: SPACE_*, and the address in it
    input  wire  [31:0]               address_i,
    input  wire  [31:0]               write_bytes_i,   // how many of data_i, from the lowest
    input  wire  [DATA_BYTES*8-1:0]   data_i
);

  `include "generated/npu_isa.vh"

  logic [31:0] crc_q;
  logic [31:0] table_q[256];
  logic [31:0] entry;

  initial begin
    for (int n = 0; n < 256; n = n + 1) begin
      entry = n;
      for (int k = 0; k < 8; k = k + 1) begin
        entry = entry[0] ? 32'hEDB88320 ^ (entry >> 1) : entry >> 1;
      end
      table_q[n] = entry;
    end
  end

  logic [31:0] crc;
  wire [31:0] index = 32'(head_i[CFG_INDEX_L+:CFG_INDEX_W]);
  wire [PLACE_BYTES*8-1:0] place = {address_i, space_i};
  logic [(PLACE_BYTES+4)*8-1:0] value;  // of a CFG, behind its place
  wire unused = &{1'b0, head_i};

  always @(posedge clk_i) begin
    crc = crc_q;
    if (started_i) begin
      crc = 32'hFFFFFFFF;
      if (configure_i) begin
        for (int slot = 0; slot < CFG_VALUES; slot = slot + 1) begin
          value = {head_i[CFG_VALUE0_L+32*slot+:32], index + slot, 8'(SPACE_REGISTERS)};
          for (int n = 0; n < PLACE_BYTES + 4; n = n + 1)
            crc = table_q[crc[7:0]^value[n*8+:8]] ^ (crc >> 8);
        end
      end
    end else if (write_i) begin
      for (int n = 0; n < PLACE_BYTES; n = n + 1)
        crc = table_q[crc[7:0]^place[n*8+:8]] ^ (crc >> 8);
      for (int n = 0; n < write_bytes_i; n = n + 1)
        crc = table_q[crc[7:0]^data_i[n*8+:8]] ^ (crc >> 8);
    end
    crc_q <= crc;
  end

  always @(posedge clk_i) begin
    if (run_i) begin
      if (stall_i) begin
        case (stall_cause_i)
          3'd1:
          $fwrite(file_i, "%0d %0s %0d stall:fetch %0d\n", cycle_i - stall_cycles_i, NAME,
                  head_pc_i, stall_cycles_i);
          3'd2:
          $fwrite(file_i, "%0d %0s %0d stall:prev %0d\n", cycle_i - stall_cycles_i, NAME,
                  head_pc_i, stall_cycles_i);
          3'd3:
          $fwrite(file_i, "%0d %0s %0d stall:across %0d\n", cycle_i - stall_cycles_i, NAME,
                  head_pc_i, stall_cycles_i);
          default:
          $fwrite(file_i, "%0d %0s %0d stall:next %0d\n", cycle_i - stall_cycles_i, NAME,
                  head_pc_i, stall_cycles_i);
        endcase
      end
      if (started_i) $fwrite(file_i, "%0d %0s %0d issue 0\n", cycle_i, NAME, head_pc_i);
      if (retired_i) $fwrite(file_i, "%0d %0s %0d retire %08x\n", cycle_i, NAME, pc_i, ~crc_q);
      if (fault_i) begin
        case (cause_i)
          8'(FAULT_OPCODE):
          $fwrite(file_i, "%0d %0s %0d fault:opcode 0\n", cycle_i, NAME, fault_pc_i);
          8'(FAULT_OPERAND):
          $fwrite(file_i, "%0d %0s %0d fault:operand 0\n", cycle_i, NAME, fault_pc_i);
          8'(FAULT_BANK):
          $fwrite(file_i, "%0d %0s %0d fault:bank 0\n", cycle_i, NAME, fault_pc_i);
          8'(FAULT_ADDRESS):
          $fwrite(file_i, "%0d %0s %0d fault:address 0\n", cycle_i, NAME, fault_pc_i);
          8'(FAULT_AXI):
          $fwrite(file_i, "%0d %0s %0d fault:axi 0\n", cycle_i, NAME, fault_pc_i);
          default:
          $fwrite(file_i, "%0d %0s %0d fault:token 0\n", cycle_i, NAME, fault_pc_i);
        endcase
      end
    end
  end

endmodule

`default_nettype wire
