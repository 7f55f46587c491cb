// bench: clock and reset of npu_system for a simulator without a bench of its own.
//
// Plus argument waves: waves.fst is written.
//
// Law: docs/architecture.md, section 4 (cycle 0). Simulation only.

`default_nettype none

module npu_bench #(
    `include "generated/npu_parameters.vh"
    parameter int MEMORY_BYTES = 65536
) ();

  logic clk, rst;
  wire done;

  npu_system #(
      .MEMORY_BYTES(MEMORY_BYTES),
      `include "generated/npu_parameters_pass.vh"
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
