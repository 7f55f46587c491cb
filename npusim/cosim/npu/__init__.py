"""The machine in Verilog: build it for a Machine, run programs on it, compare with the simulator."""
