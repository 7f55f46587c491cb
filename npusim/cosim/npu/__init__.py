"""The machine in Verilog: build it, run programs on it, compare it with the simulated one."""
