"""The machine: a program's bytes and cycles, instruction by instruction, as the RTL has them."""
