"""How the machine computes Tanh: see npusim/operators/tanh.py."""

from npusim.compiler.lower.kinds.table import lower_table

WHEN = "one computed operand, any others bare numbers"

lower = lower_table
