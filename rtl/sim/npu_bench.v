// bench: clock and reset of npu_system for a simulator without a bench of its own.
//
// Plus argument waves: waves.fst is written.
//
// Law: docs/architecture.md, section 4 (cycle 0). Simulation only.

`default_nettype none

module npu_bench;

  parameter int SIZE           = 4;
  parameter int BUS_BYTES      = 4;
  parameter int BURST_BEATS    = 16;
  parameter int UNIFORM_BITS   = 8;
  parameter int SUBSET         = 1;
  parameter int PWLQ_BITS      = 4;
  parameter int ACT_BANKS      = 8;
  parameter int ACT_BANK_WORDS = 256;
  parameter int WGT_BANKS      = 2;
  parameter int WGT_BANK_WORDS = 256;
  parameter int PAR_BANKS      = 2;
  parameter int PAR_BANK_WORDS = 32;
  parameter int ACC_WORDS      = 256;
  parameter int MEMORY_BYTES   = 65536;

  logic clk, rst;
  wire done;

  npu_system #(
      .SIZE          (SIZE),
      .BUS_BYTES     (BUS_BYTES),
      .BURST_BEATS   (BURST_BEATS),
      .UNIFORM_BITS  (UNIFORM_BITS),
      .SUBSET        (SUBSET),
      .PWLQ_BITS     (PWLQ_BITS),
      .ACT_BANKS     (ACT_BANKS),
      .ACT_BANK_WORDS(ACT_BANK_WORDS),
      .WGT_BANKS     (WGT_BANKS),
      .WGT_BANK_WORDS(WGT_BANK_WORDS),
      .PAR_BANKS     (PAR_BANKS),
      .PAR_BANK_WORDS(PAR_BANK_WORDS),
      .ACC_WORDS     (ACC_WORDS),
      .MEMORY_BYTES  (MEMORY_BYTES)
  ) system (
      .clk_i (clk),
      .rst_i (rst),
      .done_o(done)
  );

  always #1 clk = !clk;

  initial begin
    if ($test$plusargs("waves")) begin
      $dumpfile("waves.fst");
      $dumpvars(0, npu_bench);
    end
    clk = 1'b0;
    rst = 1'b1;
    #9 rst = 1'b0;
  end

endmodule

`default_nettype wire
