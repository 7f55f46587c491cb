// main: clock and reset of npu_system under Verilator; everything else is in Verilog. Built with
// --trace, it writes waves.vcd.

#include "Vnpu_system.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

int main(int argc, char **argv) {
  VerilatedContext context;
  context.commandArgs(argc, argv);
#if VM_TRACE
  context.traceEverOn(true);
#endif
  Vnpu_system system(&context);
#if VM_TRACE
  VerilatedVcdC waves;
  system.trace(&waves, 99);
  waves.open("waves.vcd");
#endif
  system.rst_i = 1;
  for (int reset = 8; !context.gotFinish(); reset -= reset > 0) {
    if (reset == 0) system.rst_i = 0;
    for (system.clk_i = 0;; system.clk_i = 1) {
      system.eval();
#if VM_TRACE
      waves.dump(2 * context.time() + system.clk_i);
#endif
      if (system.clk_i) break;
    }
    context.timeInc(1);
  }
  system.final();
#if VM_TRACE
  waves.close();
#endif
  return 0;
}
