// host: programs the NPU over AXI4-Lite, starts it, waits for its interrupt, reads what happened.
//
// Plus arguments: base and length of the program, region0 .. region7. Writes result.txt: what each
// register read holds, as "address value" lines in decimal. An access is over with its answer.
//
// Law: docs/architecture.md, section 7. Simulation only.

`default_nettype none

module npu_host (
    input  wire         clk_i,
    input  wire         rst_i,

    output logic [7:0]  awaddr_o,
    output logic        awvalid_o,
    input  wire         awready_i,
    output logic [31:0] wdata_o,
    output logic        wvalid_o,
    input  wire         wready_i,
    input  wire         bvalid_i,
    output logic [7:0]  araddr_o,
    output logic        arvalid_o,
    input  wire         arready_i,
    input  wire  [31:0] rdata_i,
    input  wire         rvalid_i,
    input  wire         irq_i,

    output logic        ended_o,   // the interrupt has come
    output logic        done_o     // and everything has been read
);

  `include "generated/npu_isa.vh"

  localparam int REGIONS = ISA_REGION_COUNT;

  integer found, result;
  logic [31:0] base, length;
  logic [31:0] region0, region1, region2, region3, region4, region5, region6, region7;
  wire [REGIONS*32-1:0] regions =
      {region7, region6, region5, region4, region3, region2, region1, region0};

  initial begin
    found = $value$plusargs("base=%d", base);
    found = found + $value$plusargs("length=%d", length);
    found = found + $value$plusargs("region0=%d", region0);
    found = found + $value$plusargs("region1=%d", region1);
    found = found + $value$plusargs("region2=%d", region2);
    found = found + $value$plusargs("region3=%d", region3);
    found = found + $value$plusargs("region4=%d", region4);
    found = found + $value$plusargs("region5=%d", region5);
    found = found + $value$plusargs("region6=%d", region6);
    found = found + $value$plusargs("region7=%d", region7);
    if (found != 2 + REGIONS) begin
      $display("npu_host: expected 10 plus arguments, found %0d", found);
      $fatal;
    end
    result = $fopen("result.txt", "w");
  end

  // Step n is access n: what the machine is; base, length, regions, start; the end; the counters.

  localparam int READS_BEFORE = 5;
  localparam int WRITES       = 4 + REGIONS;
  localparam int READS_AFTER  = 5 + 12;
  localparam int WAIT_STEP    = READS_BEFORE + WRITES;
  localparam int LAST_STEP    = WAIT_STEP + READS_AFTER;

  integer step;
  logic asked;
  wire [31:0] write_index = step - READS_BEFORE;
  wire [31:0] after_index = step - WAIT_STEP - 1;
  wire is_read  = step < READS_BEFORE || (step > WAIT_STEP && step <= LAST_STEP);
  wire is_write = step >= READS_BEFORE && step < WAIT_STEP;
  logic [7:0] address;
  logic [31:0] data;

  always_comb begin
    address = '0;
    data    = '0;
    if (step < READS_BEFORE) address = 8'(4 * step);  // id, version, params0, params1, params2
    else if (is_write) begin
      case (write_index)
        0: {address, data} = {8'(CONTROL_PROGRAM_BASE), base};
        1: {address, data} = {8'(CONTROL_PROGRAM_LENGTH), length};
        2: {address, data} = {8'(CONTROL_INTERRUPT_ENABLE), 32'd1};
        WRITES - 1: {address, data} = {8'(CONTROL_START), 32'd1};
        default: begin
          address = 8'(CONTROL_REGION0 + 4 * (write_index - 3));
          data    = regions[3'(write_index-3)*32+:32];
        end
      endcase
    end else begin
      case (after_index)
        0: address = 8'(CONTROL_STATUS);
        1: address = 8'(CONTROL_FAULT);
        2: address = 8'(CONTROL_FAULT_PC);
        3: address = 8'(CONTROL_HALT_CODE);
        4: address = 8'(CONTROL_CYCLES);
        default: address = 8'(CONTROL_LD_BUSY + 4 * (after_index - 5));
      endcase
    end
  end

  always @(posedge clk_i) begin
    if (rst_i) begin
      step         <= 0;
      asked        <= 1'b0;
      ended_o      <= 1'b0;
      done_o       <= 1'b0;
      awvalid_o <= 1'b0;
      wvalid_o  <= 1'b0;
      arvalid_o <= 1'b0;
    end else if (step == WAIT_STEP) begin
      if (irq_i) begin
        step  <= step + 1;
        ended_o <= 1'b1;
      end
    end else if (step > LAST_STEP) done_o <= 1'b1;
    else if (!asked) begin
      asked        <= 1'b1;
      arvalid_o <= is_read;
      araddr_o  <= address;
      awvalid_o <= is_write;
      wvalid_o  <= is_write;
      awaddr_o  <= address;
      wdata_o   <= data;
    end else begin
      if (arready_i) arvalid_o <= 1'b0;
      if (awready_i) awvalid_o <= 1'b0;
      if (wready_i) wvalid_o <= 1'b0;
      if (rvalid_i) $fwrite(result, "%0d %0d\n", araddr_o, rdata_i);
      if (rvalid_i || bvalid_i) begin
        asked <= 1'b0;
        step  <= step + 1;
      end
    end
  end

  always @(posedge clk_i) if (!rst_i && done_o) $fclose(result);

endmodule

`default_nettype wire
