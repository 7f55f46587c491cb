// host: programs the NPU over AXI4-Lite, starts it, waits for its interrupt, reads what happened.
//
// Before that, every address is written: the whole word with a pattern (but start), then three bytes
// of it with another word, which must change nothing; and every address is read, as at the end.
// After the interrupt it is disabled and enabled again, and its line must follow.
//
// Some accesses have their address after their data, or the other way round; some answers have to
// wait, and must stand meanwhile.
//
// Plus arguments: base and length of the program, region0 .. region7, pattern. Writes result.txt:
// "address value" lines in decimal of both sweeps of reads. An access is over with its answer.
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
    output logic [3:0]  wstrb_o,
    output logic        wvalid_o,
    input  wire         wready_i,
    input  wire  [1:0]  bresp_i,
    input  wire         bvalid_i,
    output logic [7:0]  araddr_o,
    output logic        arvalid_o,
    input  wire         arready_i,
    input  wire  [31:0] rdata_i,
    input  wire  [1:0]  rresp_i,
    input  wire         rvalid_i,
    output wire         ready_o,   // for either answer
    input  wire         irq_i,

    output logic        ended_o,   // the interrupt has come
    output logic        done_o     // and everything has been read
);

  `include "generated/npu_isa.vh"

  localparam int REGIONS = ISA_REGION_COUNT;

  integer found, result;
  logic [31:0] base, length, pattern;
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
    found = found + $value$plusargs("pattern=%d", pattern);
    if (found != 3 + REGIONS) begin
      $display("npu_host: expected 11 plus arguments, found %0d", found);
      $fatal;
    end
    result = $fopen("result.txt", "w");
  end

  // Step n is access n: two sweeps of writes and one of reads; base, length, regions, start; the end;
  // the interrupt disabled, and enabled; a sweep of reads.

  localparam int WORDS     = 64;
  localparam int WRITES    = 4 + REGIONS;
  localparam int SET_STEP  = 3 * WORDS;
  localparam int WAIT_STEP = SET_STEP + WRITES;
  localparam int READ_STEP = WAIT_STEP + 3;
  localparam int LAST_STEP = READ_STEP + WORDS - 1;

  integer step;
  logic asked;
  wire is_read  = (step >= 2 * WORDS && step < SET_STEP) || step >= READ_STEP;
  wire is_write = !is_read;
  wire is_part  = step >= WORDS && step < 2 * WORDS;
  wire [31:0] write_index = step - SET_STEP;
  wire [5:0] word = step >= READ_STEP ? 6'(step - READ_STEP) : 6'(step);
  wire [3:0] three_bytes = ~(4'b0001 << word[1:0]);
  logic [7:0] address;
  logic [31:0] data;
  logic [3:0] strobe;

  always_comb begin
    address = {word, 2'b00};
    data    = is_part ? '1 : pattern * (2 * 32'(word) + 1);
    strobe  = '1;
    if (is_part || (step < WORDS && address == 8'(CONTROL_START))) strobe = three_bytes;
    if (step >= SET_STEP && step < WAIT_STEP) begin
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
    end
    if (step > WAIT_STEP && step < READ_STEP) begin
      {address, data} = {8'(CONTROL_INTERRUPT_ENABLE), 32'(step == WAIT_STEP + 2)};
    end
  end

  // Pauses.

  localparam logic [1:0] LATE = 2'd2;  // cycles

  logic [7:0] lfsr;  // of this access
  logic [1:0] age, waited;
  wire late_address = lfsr[2:0] == 3'd1;
  wire late_data    = lfsr[2:0] == 3'd2;
  wire late_ready   = lfsr[5:3] == 3'd0;
  wire answer       = rvalid_i || bvalid_i;

  assign ready_o = !late_ready || waited == LATE;

  always @(posedge clk_i) begin
    if (rst_i) begin
      step         <= 0;
      lfsr         <= 8'h5A;
      age          <= 0;
      waited       <= 0;
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
      asked     <= 1'b1;
      age       <= 0;
      waited    <= 0;
      arvalid_o <= is_read;
      araddr_o  <= address;
      awvalid_o <= is_write && !late_address;
      wvalid_o  <= is_write && !late_data;
      awaddr_o  <= address;
      wdata_o   <= data;
      wstrb_o   <= strobe;
    end else begin
      if (arready_i) arvalid_o <= 1'b0;
      if (age != 2'd3) age <= age + 1'b1;
      if (is_write && late_address && age == LATE) awvalid_o <= 1'b1;
      else if (awready_i) awvalid_o <= 1'b0;
      if (is_write && late_data && age == LATE) wvalid_o <= 1'b1;
      else if (wready_i) wvalid_o <= 1'b0;
      if (answer && !ready_o) waited <= waited + 1'b1;
      if (rvalid_i && ready_o) $fwrite(result, "%0d %0d\n", araddr_o, rdata_i);
      if (answer && ready_o) begin
        asked <= 1'b0;
        step  <= step + 1;
        lfsr  <= {lfsr[4] ^ lfsr[3] ^ lfsr[2] ^ lfsr[0], lfsr[7:1]};
      end
    end
  end

  // Rules.

  logic stands;
  logic [33:0] stood;
  wire [33:0] shown = {rvalid_i, bvalid_i, rdata_i & {32{rvalid_i}}};
  wire irq_wrong = step < WAIT_STEP ? irq_i :
      answer && ready_o && (step == WAIT_STEP + 1 || step == WAIT_STEP + 2) &&
      irq_i != (step == WAIT_STEP + 2);

  always @(posedge clk_i) begin
    stands <= !rst_i && answer && !ready_o;
    stood  <= shown;
    if (!rst_i && stands && shown != stood) begin
      $display("npu_host: an answer did not wait for ready");
      $fatal;
    end
    if (!rst_i && answer && (rvalid_i ? rresp_i : bresp_i) != 2'b00) begin
      $display("npu_host: an answer is not OKAY");
      $fatal;
    end
    if (!rst_i && irq_wrong) begin
      $display("npu_host: the interrupt is %0d in step %0d", irq_i, step);
      $fatal;
    end
  end

  always @(posedge clk_i) if (!rst_i && done_o) $fclose(result);

endmodule

`default_nettype wire
