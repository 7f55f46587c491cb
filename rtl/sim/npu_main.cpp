// main: clock and reset of npu_system under Verilator; everything else is in Verilog.

#include "Vnpu_system.h"
#include "verilated.h"

int main(int argc, char **argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
  Vnpu_system system(&context);
  system.rst_i = 1;
  for (int reset = 8; !context.gotFinish(); reset -= reset > 0) {
    if (reset == 0) system.rst_i = 0;
    system.clk_i = 0;
    system.eval();
    system.clk_i = 1;
    system.eval();
    context.timeInc(1);
  }
  system.final();
  return 0;
}
